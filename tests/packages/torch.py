"""Tensors over numpy's memory, training, gradients of our own, scripted modules, saving, loading by worker processes."""
import io

import numpy
import torch

torch.manual_seed(0)
torch.set_num_threads(1)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(context, value):
        context.save_for_backward(value)
        return value * value

    @staticmethod
    def backward(context, gradient):
        (value,) = context.saved_tensors
        return 2 * value * gradient


@torch.jit.script
def add_range(a, n: int):
    for i in range(n):
        a = a + i
    return a


matrix = torch.arange(12.0).reshape(3, 4)
print(matrix, matrix.sum(), matrix @ matrix.T, matrix[:, 1:3].contiguous().tolist())
shared = numpy.ones((2, 3))
tensor = torch.from_numpy(shared)
shared[0, 0] = 5
print(tensor, tensor.data_ptr() == shared.ctypes.data, memoryview(tensor.numpy()).nbytes)

inputs = torch.randn(64, 3)
targets = inputs @ torch.tensor([[1.0], [2.0], [3.0]]) + 0.5
model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for _ in range(200):
    optimizer.zero_grad()
    loss = ((model(inputs) - targets) ** 2).mean()
    loss.backward()
    optimizer.step()
print(f"{loss.item():.5f}", [tuple(p.shape) for p in model.parameters()])

value = torch.tensor([1.0, 2.0], requires_grad=True)
Square.apply(value).sum().backward()
print(value.grad)
scripted = torch.jit.script(model)
print(torch.allclose(scripted(inputs), model(inputs)), add_range(torch.zeros(2), 4), "aten" in str(add_range.graph))

file = io.BytesIO()
torch.save(model.state_dict(), file)
file.seek(0)
print(list(torch.load(file)))
dataset = torch.utils.data.TensorDataset(inputs, targets)
print([len(batch[0]) for batch in torch.utils.data.DataLoader(dataset, batch_size=20, num_workers=2)])
for wrong in (lambda: torch.ones(2) @ torch.ones(3), lambda: torch.ones(2, 2)[5], lambda: value.numpy(), lambda: torch.tensor(["a"])):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
