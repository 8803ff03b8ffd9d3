"""Drawing, filters, conversion, encoding and decoding of images."""
import hashlib
import io

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

image = Image.new("RGB", (64, 48), "navy")
draw = ImageDraw.Draw(image)
draw.ellipse((8, 8, 40, 40), fill="orange", outline="white")
draw.line([(0, 0), (63, 47)], fill=(0, 255, 0), width=3)
draw.text((2, 2), "gill", fill="white")


def digest(i):
    return i.size, i.mode, hashlib.md5(i.tobytes()).hexdigest()


print(digest(image), digest(image.convert("L")), digest(image.filter(ImageFilter.GaussianBlur(2))))
print(digest(image.resize((20, 20), Image.Resampling.LANCZOS)), digest(image.rotate(30, expand=True)), digest(ImageOps.equalize(image)))
for format in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
    file = io.BytesIO()
    image.save(file, format)
    file.seek(0)
    again = Image.open(file)
    again.load()
    print(format, again.format, digest(again.convert("RGB")))
print(image.getpixel((20, 20)), image.getbbox(), image.point(lambda v: 255 - v).getextrema(), len(image.getcolors(10000)))
print(ImageChops.difference(image, ImageOps.mirror(image)).getbbox(), image.quantize(8).getpalette()[:9], image.histogram()[:5])
try:
    Image.open(io.BytesIO(b"nothing"))
except Exception as error:
    print(type(error).__name__)
