//! Is everything that a challenge multiplies committed before the challenge?
//!
//! A challenge is random only to cells committed before it is drawn. A derived cell may be committed later,
//! because it is a function of cells, fixed values and challenges: its gate leaves no choice (the tangent
//! audit measures that). So the rule is about hints, followed through derived columns:
//!
//! > After every derived cell is replaced by what its gate makes it, no hint is multiplied with a challenge
//! > that is drawn before the hint is committed.
//!
//! Mechanically: each derived column has one gate that determines it, by its role. For every column X the
//! sets `hints(X)`, `challenges(X)` and `products(X)` of (hint, challenge) pairs are the smallest that satisfy,
//! for every monomial `prod X_i prod c_j` of the gate that determines X (fixed cells and constants dropped),
//! - `hints(X)` contains `hints(X_i)`; a hint contains itself;
//! - `challenges(X)` contains every `c_j` and `challenges(X_i)`;
//! - `products(X)` contains `products(X_i)`, `hints(X_i) x c_j`, and `hints(X_i) x challenges(X_k)` for k other
//!   than i.
//!
//! A copied column has the sets of what it is copied from. The products of the monomials of all gates are then
//! all pairs that meet, and each must have phase of the hint <= phase of the challenge. A cell committed in a
//! later phase and multiplied with earlier challenges only is
//! a hint of its phase and passes as long as only later challenges reach it.

use std::collections::{BTreeMap, BTreeSet};

use crate::roles::Role;
use halo2_proofs::plonk::Expression;

use super::{
    grid::{Cell, Kind},
    system::{Constraint, System},
};

/// What is wrong with the order of commitments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// The prover knows the challenge when it chooses the hint.
    Late {
        /// Advice column of the hint.
        hint: usize,
        /// Index of the challenge.
        challenge: usize,
    },
    /// No gate, or more than one, determines a derived column.
    Undetermined {
        /// The advice column.
        column: usize,
    },
}

/// The gate that determines the cells of a role; `None` for hints and copies.
pub fn determined_by(role: Role) -> Option<&'static str> {
    match role {
        Role::Helper => Some("lookup helper"),
        Role::TableHelper => Some("table helper"),
        Role::LookupSum => Some("lookup sum"),
        Role::WeightEvaluation => Some("weight evaluation"),
        Role::ProductSum => Some("product sum"),
        Role::SliceEvaluation => Some("slice evaluation"),
        Role::ClaimEvaluation => Some("claim evaluation"),
        Role::Window => Some("window"),
        Role::Power => Some("power"),
        _ => None,
    }
}

/// Every violation in a system with these copies. The phases of the advice columns are a parameter, so that a
/// test can move a column.
pub fn violations(
    system: &System,
    roles: &[Role],
    advice_phases: &[u8],
    copies: &[[Cell; 2]],
) -> BTreeSet<Violation> {
    let gates: Vec<Polynomial> = system.constraints.iter().map(monomials).collect();
    let mut out = BTreeSet::new();
    let mut determining: BTreeMap<usize, usize> = BTreeMap::new();
    for (column, role) in roles.iter().enumerate().filter(|(_, role)| !role.is_hint()) {
        let by = |(index, constraint): (usize, &Constraint)| {
            let reads =
                constraint.queries.iter().any(|query| (query.kind, query.column) == (Kind::Advice, column));
            (Some(constraint.name.as_str()) == determined_by(*role) && reads).then_some(index)
        };
        let gates: Vec<usize> = system.constraints.iter().enumerate().filter_map(by).collect();
        let is_copied = copies.iter().flatten().any(|cell| cell.column == column);
        match (gates.as_slice(), determined_by(*role)) {
            ([gate], Some(_)) => {
                determining.insert(column, *gate);
            }
            (_, None) if is_copied => {}
            _ => {
                out.insert(Violation::Undetermined { column });
            }
        }
    }
    let columns = reach(&gates, roles, &determining, copies);
    for gate in &gates {
        let met = gate.iter().flat_map(|monomial| Reach::of(monomial, &columns).products);
        out.extend(
            met.filter(|(hint, challenge)| advice_phases[*hint] > system.challenge_phases[*challenge])
                .map(|(hint, challenge)| Violation::Late { hint, challenge }),
        );
    }
    out
}

/// The smallest sets that satisfy the rules.
fn reach(
    gates: &[Polynomial],
    roles: &[Role],
    determining: &BTreeMap<usize, usize>,
    copies: &[[Cell; 2]],
) -> Vec<Reach> {
    let hint = |column| Reach { hints: BTreeSet::from([column]), ..Reach::default() };
    let mut columns: Vec<Reach> = roles
        .iter()
        .enumerate()
        .map(|(column, role)| if role.is_hint() { hint(column) } else { Reach::default() })
        .collect();
    let links: BTreeSet<(usize, usize)> = copies
        .iter()
        .filter(|pair| pair.iter().all(|cell| cell.kind == Kind::Advice))
        .map(|[from, to]| (from.column, to.column))
        .collect();
    loop {
        let before = columns.clone();
        for (column, gate) in determining {
            for monomial in &gates[*gate] {
                let reached = Reach::of(monomial, &columns);
                columns[*column].add(&reached);
            }
        }
        for &(from, to) in &links {
            for (from, to) in [(from, to), (to, from)] {
                // A hint stays itself: what it is equal to was committed with it or is derived from it.
                if !roles[to].is_hint() {
                    let reached = columns[from].clone();
                    columns[to].add(&reached);
                }
            }
        }
        if columns == before {
            return columns;
        }
    }
}

/// Advice columns and challenges that are multiplied.
type Monomial = (BTreeSet<usize>, BTreeSet<usize>);

type Polynomial = BTreeSet<Monomial>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reach {
    hints: BTreeSet<usize>,
    challenges: BTreeSet<usize>,
    products: BTreeSet<(usize, usize)>,
}

impl Reach {
    fn of((factors, challenges): &Monomial, columns: &[Self]) -> Self {
        let mut out = Self { challenges: challenges.clone(), ..Self::default() };
        for factor in factors {
            out.add(&columns[*factor]);
            let others = factors.iter().filter(|other| *other != factor);
            let met: BTreeSet<usize> =
                others.flat_map(|other| &columns[*other].challenges).chain(challenges).copied().collect();
            for hint in &columns[*factor].hints {
                out.products.extend(met.iter().map(|challenge| (*hint, *challenge)));
            }
        }
        out
    }

    fn add(&mut self, other: &Self) {
        self.hints.extend(&other.hints);
        self.challenges.extend(&other.challenges);
        self.products.extend(&other.products);
    }
}

/// The monomials of a polynomial, an upper bound: terms that cancel are kept.
fn monomials(constraint: &Constraint) -> Polynomial {
    let one = || Polynomial::from([Monomial::default()]);
    let advice = |column| Polynomial::from([(BTreeSet::from([column]), BTreeSet::new())]);
    let challenge = |index| Polynomial::from([(BTreeSet::new(), BTreeSet::from([index]))]);
    let expression: &Expression<_> = &constraint.expression;
    expression.evaluate(
        &|_| one(),
        &|_| one(),
        &|_| one(),
        &|query| advice(query.column_index()),
        &|_| one(),
        &|drawn| challenge(drawn.index()),
        &|a| a,
        &|mut a, b| {
            a.extend(b);
            a
        },
        &|a, b| {
            let pairs = a.iter().flat_map(|left| b.iter().map(move |right| (left, right)));
            pairs.map(|(left, right)| (&left.0 | &right.0, &left.1 | &right.1)).collect()
        },
        &|a, _| a,
    )
}
