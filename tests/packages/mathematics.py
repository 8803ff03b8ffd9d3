"""sympy, networkx, gmpy2, bitarray."""
import bitarray
import bitarray.util
import gmpy2
import networkx
import sympy

x, y = sympy.symbols("x y")
print(sympy.integrate(sympy.exp(-x) * sympy.sin(x), x), sympy.solve([x + y - 3, x * y - 2], [x, y]), sympy.factor(x**4 - 1), sympy.limit(sympy.sin(x) / x, x, 0))
print(sympy.series(sympy.cos(x), x, 0, 6), sympy.diff(x**x, x), sympy.Matrix([[1, 2], [3, 4]]).eigenvals(), sympy.N(sympy.pi, 40), sympy.latex(sympy.sqrt(x) / y))
print(sympy.factorint(2**64 + 1), sympy.simplify(sympy.sin(x)**2 + sympy.cos(x)**2), sympy.dsolve(sympy.Function("f")(x).diff(x) - sympy.Function("f")(x)), sympy.nsimplify(0.75))
print(sympy.lambdify(x, x**2 + 1)(3), sympy.sympify("2*x+1").subs(x, 4), sympy.Rational(3, 9), sympy.summation(x, (x, 1, y)))
graph = networkx.gnm_random_graph(20, 40, seed=3)
print(networkx.shortest_path(graph, 0, 11), sorted(networkx.connected_components(graph), key=len)[-1], {k: round(v, 5) for k, v in networkx.pagerank(graph).items()})
print(networkx.maximum_flow_value(networkx.DiGraph([(0, 1, {"capacity": 3}), (1, 2, {"capacity": 2})]), 0, 2), list(networkx.topological_sort(networkx.DiGraph([(1, 2), (0, 1)]))), networkx.is_isomorphic(graph, graph.copy()))
print(gmpy2.mpz(2)**200 // 7, gmpy2.next_prime(10**30), gmpy2.mpq("3/7") + 1, gmpy2.is_prime(97), gmpy2.invert(3, 11), gmpy2.isqrt(10**40), hash(gmpy2.mpz(5)) == hash(5))
with gmpy2.context(precision=100):
    print(gmpy2.sqrt(gmpy2.mpfr(2)), gmpy2.mpc("1+2j") ** 2, "{:.20f}".format(gmpy2.const_pi()))
print(gmpy2.mpz(2**80) == 2**80, 2**80 + gmpy2.mpz(1), int(gmpy2.mpz(-3**60)), gmpy2.mpz(7) & 3, float(gmpy2.mpq(1, 3)), divmod(gmpy2.mpz(-7), 2))
for wrong in (lambda: gmpy2.mpz("x"), lambda: gmpy2.mpz(1) / 0, lambda: gmpy2.mpz(1) + "a", lambda: gmpy2.invert(2, 4)):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
bits = bitarray.bitarray("110100") * 3
print(bits, bits.count(), bits[2:10:2], ~bits, bits.search(bitarray.bitarray("101")) if hasattr(bits, "search") else "", bits.tobytes(), bitarray.util.ba2int(bits), bitarray.frozenbitarray(bits).__hash__() != 0)
bits[1:4] = bitarray.bitarray("0")
print(bits, memoryview(bits).tobytes(), bitarray.util.huffman_code({"a": 5, "b": 2, "c": 1}), bits.decode({"x": bitarray.bitarray("1"), "y": bitarray.bitarray("0")})[:5])
