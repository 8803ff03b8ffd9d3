"""Draws with Agg and as SVG text."""
import hashlib
import io

import matplotlib
matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "x"
import matplotlib.pyplot as plt
import numpy as np

figure, axes = plt.subplots(2, 2, figsize=(6, 4))
x = np.linspace(0, 6, 50)
axes[0, 0].plot(x, np.sin(x), label=r"$\sin x$")
axes[0, 0].legend()
axes[0, 1].hist(np.random.default_rng(1).normal(size=200), bins=12)
axes[1, 0].imshow(np.outer(x, x))
axes[1, 1].contour(np.outer(np.sin(x), np.cos(x)))
figure.suptitle("title")
figure.tight_layout()
figure.canvas.draw()
print(hashlib.sha256(bytes(figure.canvas.buffer_rgba())).hexdigest())
text = io.StringIO()
figure.savefig(text, format="svg", metadata={"Date": None})
print(len(text.getvalue()), hashlib.sha256(text.getvalue().encode()).hexdigest())
print([tick.get_text() for tick in axes[0, 0].get_xticklabels()])
