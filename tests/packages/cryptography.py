"""Hashes, ciphers, keys, certificates: the Rust and the cffi bindings."""
import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.x509.oid import NameOID

digest = hashes.Hash(hashes.SHA256())
digest.update(b"abc")
print(digest.finalize().hex())
mac = hmac.HMAC(b"key", hashes.SHA1())
mac.update(b"m")
print(mac.finalize().hex())
encryptor = Cipher(algorithms.AES(b"k" * 16), modes.CBC(b"i" * 16)).encryptor()
print((encryptor.update(b"x" * 32) + encryptor.finalize()).hex())
print(AESGCM(b"k" * 32).encrypt(b"n" * 12, b"data", b"more").hex())
print(PBKDF2HMAC(hashes.SHA256(), 32, b"salt", 1000).derive(b"password").hex())
token = Fernet(b"A" * 43 + b"=").encrypt_at_time(b"secret", 1000)
print(Fernet(b"A" * 43 + b"=").decrypt(token))
try:
    Fernet(Fernet.generate_key()).decrypt(token)
except InvalidToken:
    print("invalid")
key = ed25519.Ed25519PrivateKey.from_private_bytes(b"s" * 32)
print(key.sign(b"text").hex(), key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode())
private = rsa.generate_private_key(65537, 2048)
signature = private.sign(b"m", padding.PSS(padding.MGF1(hashes.SHA256()), 20), hashes.SHA256())
private.public_key().verify(signature, b"m", padding.PSS(padding.MGF1(hashes.SHA256()), 20), hashes.SHA256())
try:
    private.public_key().verify(signature, b"n", padding.PSS(padding.MGF1(hashes.SHA256()), 20), hashes.SHA256())
except InvalidSignature:
    print("bad signature")
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gill.example"), x509.NameAttribute(NameOID.COUNTRY_NAME, "CH")])
curve_key = ec.derive_private_key(12345, ec.SECP256R1())
certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(curve_key.public_key()).serial_number(77)
               .not_valid_before(datetime.datetime(2024, 1, 1)).not_valid_after(datetime.datetime(2034, 1, 1))
               .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example"), x509.DNSName("b.example")]), False)
               .sign(curve_key, hashes.SHA256()))
again = x509.load_pem_x509_certificate(certificate.public_bytes(serialization.Encoding.PEM))
print(again.subject.rfc4514_string(), again.serial_number, again.not_valid_after, again.extensions[0].value, again == certificate)
try:
    x509.load_pem_x509_certificate(b"nothing")
except ValueError as error:
    print(error)
