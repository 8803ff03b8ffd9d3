"""A small constraint solver: dynamic dispatch, lists of objects, enumerations of strength."""


class Variable:
    def __init__(self, name, value):
        self.name = name
        self.value = value
        self.constraints = []
        self.determined_by = None
        self.mark = 0
        self.stay = True


class Constraint:
    def __init__(self, strength, *variables):
        self.strength = strength
        self.variables = variables
        for variable in variables:
            variable.constraints.append(self)

    def output(self):
        return self.variables[-1]

    def execute(self):
        pass


class Equal(Constraint):
    def execute(self):
        self.variables[1].value = self.variables[0].value


class Scale(Constraint):
    def execute(self):
        source, scale, offset, target = self.variables
        target.value = source.value * scale.value + offset.value


class Planner:
    def __init__(self):
        self.mark = 0

    def plan(self, sources):
        self.mark += 1
        todo, plan = list(sources), []
        while todo:
            constraint = todo.pop()
            out = constraint.output()
            if out.mark != self.mark:
                plan.append(constraint)
                out.mark = self.mark
                out.determined_by = constraint
                todo.extend(c for c in out.constraints if c.output() is not out)
        return plan


def main():
    planner, total = Planner(), 0
    variables = [Variable(f"v{i}", i) for i in range(150)]
    chain = [Equal(i % 3, variables[i], variables[i + 1]) for i in range(149)]
    scale, offset = Variable("scale", 10), Variable("offset", 1000)
    sources = [Variable(f"s{i}", i) for i in range(60)]
    scaled = [Scale(1, source, scale, offset, Variable(f"d{i}", 0)) for i, source in enumerate(sources)]
    for round_number in range(80):
        variables[0].value = round_number
        for constraint in planner.plan([chain[0]]):
            constraint.execute()
        total += variables[-1].value
        scale.value = round_number
        for _ in range(10):
            for constraint in scaled:
                constraint.execute()
        total += sum(constraint.output().value for constraint in scaled)
    return total
