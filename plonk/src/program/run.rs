//! Carrying out a program, a block of rows at a time.

#![expect(
    clippy::needless_range_loop,
    reason = "the adapters of iterators take closures, which vectorized code must not have"
)]

use halo2_proofs::halo2curves::bn256::Fr;

use super::{Cell, Instruction, Operand, Program, schedule::Operation};
use crate::arithmetic::{Arithmetic, Backend, Constant, Kernel, Pack, constant, lanes, zero};

/// Rows of a block: the registers of a program stay in the first or second cache.
const BLOCK_ROWS: usize = 128;

/// Bound of what columns and reduced values hold, in units of p.
const REDUCED: f64 = 2.0;

/// Values are reduced before they exceed this bound, in units of p; normalised ones may have 84.
const LARGEST: f64 = 16.0;

#[derive(Clone, Copy, Debug)]
enum Source {
    Register(usize),
    /// A column by its place, and a rotation.
    Column(usize, i32),
}

#[derive(Clone, Copy, Debug)]
enum Code {
    Add,
    Subtract,
    Multiply,
    Scale,
    Shift,
    SubtractFrom,
    Fold,
}

/// An instruction with everything prepared that rows have in common.
#[derive(Clone, Copy, Debug)]
struct Step<C> {
    target: usize,
    code: Code,
    a: Source,
    b: Source,
    constant: C,
    /// So many p keep a difference from being negative.
    above: u64,
    /// The result may exceed the largest bound and is reduced.
    reduce: bool,
}

/// A program for a backend, with its columns numbered.
#[derive(Debug)]
pub(crate) struct Compiled<B: Backend> {
    steps: Vec<Step<Constant<B>>>,
    registers: usize,
    result: Option<usize>,
}

impl<B: Backend> Compiled<B> {
    /// Prepares a program; `place` numbers the columns.
    pub(crate) fn new(program: &Program, place: impl Fn(super::Column) -> usize) -> Self {
        let mut bounds = vec![REDUCED; program.registers];
        let steps = program.instructions.iter().map(|step| Self::step(step, &place, &mut bounds)).collect();
        Self { steps, registers: program.registers, result: program.result }
    }

    /// Bounds of values: what [`Arithmetic`] says of its operations.
    fn step(
        instruction: &Instruction,
        place: &impl Fn(super::Column) -> usize,
        bounds: &mut [f64],
    ) -> Step<Constant<B>> {
        let source = |operand: &Operand| match operand {
            Operand::Register(register) => Source::Register(*register),
            Operand::Cell(Cell { column, rotation }) => Source::Column(place(*column), *rotation),
        };
        let bound = |operand: &Operand| match operand {
            Operand::Register(register) => bounds[*register],
            Operand::Cell(_) => REDUCED,
        };
        let product = |a: f64, b: f64| a * b / 84.0 + 1.0;
        let none = Fr::zero();
        let (code, a, b, c, above, result) = match &instruction.operation {
            Operation::Add(a, b) => (Code::Add, a, b, none, 0, bound(a) + bound(b)),
            Operation::Subtract(a, b) => {
                (Code::Subtract, a, b, none, bound(b).ceil() as u64, bound(a) + bound(b).ceil())
            }
            Operation::Multiply(a, b) => (Code::Multiply, a, b, none, 0, product(bound(a), bound(b))),
            Operation::Scale(a, c) => (Code::Scale, a, a, *c, 0, product(bound(a), 1.0)),
            Operation::Shift(a, c) => (Code::Shift, a, a, *c, 0, bound(a) + 1.0),
            Operation::SubtractFrom(c, a) => {
                (Code::SubtractFrom, a, a, *c, bound(a).ceil() as u64, 1.0 + bound(a).ceil())
            }
            Operation::Fold(a, c, b) => (Code::Fold, a, b, *c, 0, product(bound(a), 1.0) + bound(b)),
        };
        let (a, b) = (source(a), source(b));
        let reduce = result > LARGEST;
        bounds[instruction.target] = if reduce { REDUCED } else { result };
        Step { target: instruction.target, code, a, b, constant: constant::<B>(&c), above, reduce }
    }

    /// Computes the packs from `start` of extended columns, which begin with `padding` packs.
    pub(crate) fn run(
        &self,
        backend: B,
        columns: &[&[Pack<B>]],
        padding: usize,
        start: usize,
        out: &mut [Pack<B>],
    ) {
        let block = (BLOCK_ROWS / lanes::<B>()).min(out.len());
        let registers = vec![vec![zero::<B>(); block]; self.registers];
        backend.vectorize(Run { program: self, columns, start: start + padding, out, block, registers });
    }
}

struct Run<'a, B: Backend> {
    program: &'a Compiled<B>,
    columns: &'a [&'a [Pack<B>]],
    start: usize,
    out: &'a mut [Pack<B>],
    block: usize,
    registers: Vec<Vec<Pack<B>>>,
}

impl<B: Backend> Kernel<B> for Run<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run(self, backend: B) {
        let Run { program, columns, start, out, block, mut registers } = self;
        let k = backend.scalars();
        for (index, out) in out.chunks_mut(block).enumerate() {
            let at = start + index * block;
            for step in &program.steps {
                // Taken out, so that the operands can be read from the others.
                let mut target = std::mem::take(&mut registers[step.target]);
                carry_out::<B>(&k, step, columns, at, &registers, &mut target);
                registers[step.target] = target;
            }
            match program.result {
                Some(result) => {
                    for i in 0..out.len() {
                        out[i] = k.reduce(&registers[result][i]);
                    }
                }
                None => out.fill(<B::R as Arithmetic<Fr>>::zero()),
            }
        }
    }
}

/// An operand's values; nothing if it is the target itself.
#[inline(always)]
fn operand<'a, B: Backend>(
    source: Source,
    target: usize,
    columns: &'a [&'a [Pack<B>]],
    at: usize,
    registers: &'a [Vec<Pack<B>>],
    len: usize,
) -> Option<&'a [Pack<B>]> {
    match source {
        Source::Register(register) if register == target => None,
        Source::Register(register) => Some(&registers[register][..len]),
        Source::Column(column, rotation) => {
            let from = (at as isize + rotation as isize) as usize;
            Some(&columns[column][from..from + len])
        }
    }
}

#[inline(always)]
fn pick<'a, P>(operand: Option<&'a [P]>, target: &'a [P], i: usize) -> &'a P {
    match operand {
        Some(operand) => &operand[i],
        None => &target[i],
    }
}

#[inline(always)]
fn carry_out<B: Backend>(
    k: &B::R,
    step: &Step<Constant<B>>,
    columns: &[&[Pack<B>]],
    at: usize,
    registers: &[Vec<Pack<B>>],
    target: &mut [Pack<B>],
) {
    let len = target.len();
    let a = operand::<B>(step.a, step.target, columns, at, registers, len);
    let b = operand::<B>(step.b, step.target, columns, at, registers, len);
    let c = k.set(&step.constant);
    let above = k.modulus(step.above);
    match step.code {
        Code::Add => {
            for i in 0..len {
                target[i] = k.add(pick(a, target, i), pick(b, target, i));
            }
        }
        Code::Subtract => {
            for i in 0..len {
                target[i] = k.sub(pick(a, target, i), pick(b, target, i), &above);
            }
        }
        Code::Multiply => {
            for i in 0..len {
                target[i] = k.mul(pick(a, target, i), pick(b, target, i));
            }
        }
        Code::Scale => {
            for i in 0..len {
                target[i] = k.mul(pick(a, target, i), &c);
            }
        }
        Code::Shift => {
            for i in 0..len {
                target[i] = k.add(pick(a, target, i), &c);
            }
        }
        Code::SubtractFrom => {
            for i in 0..len {
                target[i] = k.sub(&c, pick(a, target, i), &above);
            }
        }
        Code::Fold => {
            for i in 0..len {
                target[i] = k.mul_add(pick(a, target, i), &c, pick(b, target, i));
            }
        }
    }
    if step.reduce {
        for i in 0..len {
            target[i] = k.reduce(&target[i]);
        }
    }
}
