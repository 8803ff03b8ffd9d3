"""Linear algebra, optimization, statistics, signals, sparse matrices, interpolation, integration."""
import numpy as np
import scipy.cluster.hierarchy
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.sparse
import scipy.sparse.csgraph
import scipy.sparse.linalg
import scipy.spatial
import scipy.special
import scipy.stats

np.set_printoptions(precision=6, suppress=True)
a = np.array([[4.0, 1, 0], [1, 3, 1], [0, 1, 2]])
print(scipy.linalg.lu(a)[2], scipy.linalg.expm(a / 10), scipy.linalg.cholesky(a))
print(scipy.optimize.minimize(lambda x: (x[0] - 1) ** 2 + (x[1] + 2) ** 2, [0, 0], method="BFGS").x.round(5))
print(scipy.optimize.brentq(np.cos, 0, 3), scipy.optimize.linprog([-1, -2], A_ub=[[1, 1]], b_ub=[4], bounds=[(0, 3), (0, 3)]).x)
print(scipy.optimize.curve_fit(lambda x, m, c: m * x + c, np.arange(5.0), np.arange(5.0) * 2 + 1)[0].round(6))
print(scipy.stats.norm.ppf(0.975), scipy.stats.ttest_ind([1, 2, 3, 4], [2, 3, 4, 6]), scipy.stats.linregress([1, 2, 3], [2, 4, 7]))
print(scipy.stats.gamma(2).rvs(3, random_state=1), scipy.stats.spearmanr([1, 2, 3, 4], [1, 3, 2, 4]))
b, c = scipy.signal.butter(3, 0.2)
print(b, c, scipy.signal.lfilter(b, c, np.ones(5)), scipy.signal.find_peaks([0, 1, 0, 2, 0])[0])
m = scipy.sparse.random(6, 6, 0.3, format="csr", random_state=3)
print(m.nnz, (m @ m.T).diagonal(), scipy.sparse.linalg.spsolve(scipy.sparse.eye(3, format="csc") * 2, [1, 2, 3]))
print(scipy.sparse.csgraph.shortest_path(scipy.sparse.csr_matrix([[0, 1, 0], [0, 0, 2], [0, 0, 0]])))
print(scipy.interpolate.CubicSpline([0, 1, 2, 3], [0, 1, 8, 27])(1.5), scipy.interpolate.griddata([[0, 0], [1, 0], [0, 1], [1, 1]], [0, 1, 1, 2], [[0.5, 0.25]]))
print(scipy.integrate.quad(np.exp, 0, 1), scipy.integrate.solve_ivp(lambda t, y: -y, [0, 1], [1.0], rtol=1e-8).y[0, -1].round(6))
print(scipy.special.gamma([0.5, 5]), scipy.special.jv(1, 2.0), scipy.special.comb(10, 3, exact=True), scipy.special.expit(0.3))
print(scipy.fft.dct(np.arange(4.0)), scipy.fft.fft2(np.eye(2)).real, scipy.ndimage.gaussian_filter(np.eye(3), 1))
print(scipy.spatial.KDTree([[0, 0], [1, 1], [2, 2]]).query([1.2, 0.9]), scipy.spatial.ConvexHull([[0, 0], [1, 0], [0, 1], [0.2, 0.2]]).vertices)
print(scipy.cluster.hierarchy.linkage([[0], [1], [5], [6]], "average"))
try:
    scipy.linalg.cholesky(-a)
except Exception as error:
    print(type(error).__name__, error)
with scipy.fft.set_workers(2):
    print(scipy.fft.rfft(np.arange(6.0)))
