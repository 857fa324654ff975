//! The graph as instructions on registers.

use std::collections::HashMap;

use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;

use super::{
    constraints::Constraints,
    graph::{Cell, Graph, Node, NodeId},
};

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// In a register.
    Register(usize),
    /// In a column.
    Cell(Cell),
}

/// What an instruction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `a + b`
    Add(Operand, Operand),
    /// `a - b`
    Subtract(Operand, Operand),
    /// `a b`
    Multiply(Operand, Operand),
    /// `a c`
    Scale(Operand, Fr),
    /// `a + c`
    Shift(Operand, Fr),
    /// `c - a`
    SubtractFrom(Fr, Operand),
    /// `a c + b`
    Fold(Operand, Fr, Operand),
}

/// An operation and the register of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// The result's register.
    pub(crate) target: usize,
    /// What is computed.
    pub(crate) operation: Operation,
}

impl Instruction {
    fn operands(&self) -> [Option<Operand>; 2] {
        match self.operation {
            Operation::Add(a, b) | Operation::Subtract(a, b) | Operation::Multiply(a, b) => {
                [Some(a), Some(b)]
            }
            Operation::Fold(a, _, b) => [Some(a), Some(b)],
            Operation::Scale(a, _) | Operation::Shift(a, _) | Operation::SubtractFrom(_, a) => {
                [Some(a), None]
            }
        }
    }

    /// The cells it reads.
    pub(crate) fn cells(&self) -> impl Iterator<Item = Cell> {
        self.operands().into_iter().flatten().filter_map(|operand| match operand {
            Operand::Cell(cell) => Some(cell),
            Operand::Register(_) => None,
        })
    }
}

/// Instructions in the making.
pub(super) struct Schedule<'a> {
    graph: &'a Graph,
    /// Uses of each node that are still to come.
    uses: Vec<usize>,
    /// Registers of nodes that have been computed and are still used.
    registers_of: HashMap<NodeId, usize>,
    free: Vec<usize>,
    pub(super) registers: usize,
    pub(super) instructions: Vec<Instruction>,
    pub(super) result: Option<usize>,
}

/// Constraints of one switch: their places and bodies.
struct Group {
    switch: Option<Cell>,
    bodies: Vec<(usize, NodeId)>,
}

fn groups(constraints: &Constraints) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (place, constraint) in constraints.0.iter().enumerate() {
        match groups.iter_mut().find(|group| group.switch == constraint.switch) {
            Some(group) => group.bodies.push((place, constraint.body)),
            None => groups.push(Group { switch: constraint.switch, bodies: vec![(place, constraint.body)] }),
        }
    }
    groups
}

impl<'a> Schedule<'a> {
    /// `sum_i y^(m-1-i) c_i`, by Horner's rule among the constraints of a switch.
    pub(super) fn new(graph: &'a Graph, constraints: &Constraints, y: Fr) -> Self {
        let mut schedule = Self {
            graph,
            uses: vec![0; graph.len()],
            registers_of: HashMap::new(),
            free: Vec::new(),
            registers: 0,
            instructions: Vec::new(),
            result: None,
        };
        constraints.0.iter().for_each(|constraint| schedule.count(constraint.body));
        let last = constraints.0.len().saturating_sub(1);
        let power = |exponent: usize| y.pow_vartime([exponent as u64]);
        for group in groups(constraints) {
            let mut folded: Option<(usize, usize)> = None;
            for (place, body) in group.bodies {
                let value = schedule.operand(body);
                schedule.release(body);
                let register = match folded {
                    None => schedule.emit_new(copy(value)),
                    Some((register, before)) => {
                        let gap = power(place - before);
                        schedule.emit(register, Operation::Fold(Operand::Register(register), gap, value))
                    }
                };
                folded = Some((register, place));
            }
            let Some((register, place)) = folded else { continue };
            if let Some(switch) = group.switch {
                schedule
                    .emit(register, Operation::Multiply(Operand::Register(register), Operand::Cell(switch)));
            }
            schedule.join(register, power(last - place));
        }
        schedule
    }

    /// Adds a group, times a power of y, to the result.
    fn join(&mut self, register: usize, power: Fr) {
        match self.result {
            None => {
                self.emit(register, Operation::Scale(Operand::Register(register), power));
                self.result = Some(register);
            }
            Some(result) => {
                let fold = Operation::Fold(Operand::Register(register), power, Operand::Register(result));
                self.emit(result, fold);
                self.free.push(register);
            }
        }
    }

    fn count(&mut self, id: NodeId) {
        self.uses[id.0] += 1;
        if self.uses[id.0] == 1 {
            self.graph.node(id).operands().for_each(|operand| self.count(operand));
        }
    }

    fn emit(&mut self, target: usize, operation: Operation) -> usize {
        self.instructions.push(Instruction { target, operation });
        target
    }

    fn emit_new(&mut self, operation: Operation) -> usize {
        let target = self.free.pop().unwrap_or_else(|| {
            self.registers += 1;
            self.registers - 1
        });
        self.emit(target, operation)
    }

    /// One use of a node is over.
    fn release(&mut self, id: NodeId) {
        self.uses[id.0] -= 1;
        if self.uses[id.0] == 0 {
            self.free.extend(self.registers_of.remove(&id));
        }
    }

    /// Computes a node unless it has been.
    fn operand(&mut self, id: NodeId) -> Operand {
        if let Some(register) = self.registers_of.get(&id) {
            return Operand::Register(*register);
        }
        let operation = match self.graph.node(id) {
            Node::Cell(cell) => return Operand::Cell(cell),
            // Only a constraint that is constant is computed as such.
            Node::Constant(value) => Operation::SubtractFrom(value, self.nothing()),
            Node::Negation(a) => {
                let operand = self.operand(a);
                self.release(a);
                Operation::SubtractFrom(Fr::ZERO, operand)
            }
            Node::Sum(a, b) => self.sum(a, b),
            Node::Difference(a, b) => match self.graph.value(a) {
                Some(value) => self.unary(b, |operand| Operation::SubtractFrom(value, operand)),
                None => self.binary(a, b, Operation::Subtract),
            },
            Node::Product(a, b) => match (self.graph.value(a), self.graph.value(b)) {
                (Some(factor), _) => self.unary(b, |operand| Operation::Scale(operand, factor)),
                (None, Some(factor)) => self.unary(a, |operand| Operation::Scale(operand, factor)),
                (None, None) => self.binary(a, b, Operation::Multiply),
            },
        };
        let register = self.emit_new(operation);
        self.registers_of.insert(id, register);
        Operand::Register(register)
    }

    /// A register that is 0: the difference of a cell and itself would do, the product with 0 is shorter.
    fn nothing(&mut self) -> Operand {
        let here = Operand::Cell(Cell::here(super::Column::First));
        let register = self.emit_new(Operation::Scale(here, Fr::ZERO));
        self.free.push(register);
        Operand::Register(register)
    }

    fn unary(&mut self, a: NodeId, operation: impl Fn(Operand) -> Operation) -> Operation {
        let operand = self.operand(a);
        self.release(a);
        operation(operand)
    }

    fn binary(&mut self, a: NodeId, b: NodeId, operation: fn(Operand, Operand) -> Operation) -> Operation {
        let (left, right) = (self.operand(a), self.operand(b));
        self.release(a);
        self.release(b);
        operation(left, right)
    }

    /// A sum with a constant, with a multiple that nothing else uses, or of two others.
    fn sum(&mut self, a: NodeId, b: NodeId) -> Operation {
        for (a, b) in [(a, b), (b, a)] {
            if let Some(value) = self.graph.value(a) {
                return self.unary(b, |operand| Operation::Shift(operand, value));
            }
        }
        for (a, b) in [(a, b), (b, a)] {
            if let Some((inner, factor)) = self.multiple(a) {
                let rest = self.operand(b);
                let operand = self.operand(inner);
                self.release(b);
                self.release(inner);
                self.uses[a.0] -= 1;
                return Operation::Fold(operand, factor, rest);
            }
        }
        self.binary(a, b, Operation::Add)
    }

    /// The parts of a node that is a constant times another, has not been computed, and is used once.
    fn multiple(&self, id: NodeId) -> Option<(NodeId, Fr)> {
        if self.uses[id.0] != 1 || self.registers_of.contains_key(&id) {
            return None;
        }
        match self.graph.node(id) {
            Node::Product(a, b) => match (self.graph.value(a), self.graph.value(b)) {
                (Some(factor), None) => Some((b, factor)),
                (None, Some(factor)) => Some((a, factor)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The operand in a register of its own.
fn copy(operand: Operand) -> Operation {
    Operation::Shift(operand, Fr::ZERO)
}
