//! Rounds: every implementation in turn, again and again, so that a noisy neighbour hits them all alike.

use std::fmt;
use std::time::{Duration, Instant};

use crate::alloc;

/// How often every implementation gets its turn.
pub(crate) const ROUNDS: usize = 31;

/// How long a turn takes. Short, so that some turns of each implementation fall into a quiet moment.
const TURN: Duration = Duration::from_millis(5);

/// How many calls a short turn has.
const SHORT_TURN: u64 = 64;

/// How many short turns two cases have that hardly differ.
const SHORT_TURNS: usize = 2_000;

/// What a case takes longer than the one that it was measured [against](Case::against), in nanoseconds a call.
pub(crate) const LONGER: &str = "longer by";

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) layer: &'static str,
    pub(crate) algorithm: &'static str,
    pub(crate) implementation: String,
    pub(crate) mode: &'static str,
}

impl Id {
    pub(crate) fn new(
        layer: &'static str,
        algorithm: &'static str,
        implementation: impl Into<String>,
        mode: &'static str,
    ) -> Self {
        Self { layer, algorithm, implementation: implementation.into(), mode }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.layer, self.algorithm, self.implementation, self.mode)
    }
}

/// What came out.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: Id,
    /// Nanoseconds a call, in the best round.
    pub(crate) ns: f64,
    /// The same, in the middle one.
    pub(crate) median_ns: f64,
    /// Allocations a call; none where they were not counted.
    pub(crate) allocations: Option<f64>,
    /// What only this kind of row has.
    pub(crate) extra: Vec<(&'static str, f64)>,
}

impl Row {
    /// A row from what one call took in each round.
    pub(crate) fn new(id: Id, mut rounds: Vec<f64>, allocations: Option<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        Self { id, ns: rounds[0], median_ns: rounds[rounds.len() / 2], allocations, extra: Vec::new() }
    }
}

/// Something to be measured.
pub(crate) struct Case {
    pub(crate) id: Id,
    against: Option<Id>,
    run: Box<dyn FnMut(u64)>,
}

impl Case {
    /// `run` makes that many calls. The loop is the case's own, so that its calls are not made through a pointer.
    pub(crate) fn new(id: Id, run: impl FnMut(u64) + 'static) -> Self {
        Self { id, against: None, run: Box::new(run) }
    }

    /// Measures it against that other case as well, the two in turns so short that nothing which disturbs the machine
    /// hits one of them alone: for a difference that is much smaller than both.
    pub(crate) fn against(self, other: Id) -> Self {
        Self { against: Some(other), ..self }
    }

    fn time(&mut self, calls: u64) -> Duration {
        let start = Instant::now();
        (self.run)(calls);
        start.elapsed()
    }

    /// How many calls fill a turn. Warms up, too.
    fn calls_a_turn(&mut self) -> u64 {
        let mut calls = 8;
        loop {
            let taken = self.time(calls);
            if taken * 4 >= TURN {
                let a_turn = calls as f64 * TURN.as_secs_f64() / taken.as_secs_f64();
                return (a_turn as u64).max(8);
            }
            calls *= 2;
        }
    }

    fn allocations(&mut self, calls: u64) -> f64 {
        let before = alloc::allocations();
        (self.run)(calls);
        (alloc::allocations() - before) as f64 / calls as f64
    }
}

/// What a call of the one takes longer than one of the other, in nanoseconds: the median over short turns.
fn longer(one: &mut Case, other: &mut Case) -> f64 {
    let turn = |case: &mut Case| case.time(SHORT_TURN).as_nanos() as f64 / SHORT_TURN as f64;
    let mut differences: Vec<f64> = (0..SHORT_TURNS).map(|_| turn(one) - turn(other)).collect();
    differences.sort_by(f64::total_cmp);
    differences[SHORT_TURNS / 2]
}

/// What one of the cases takes longer than the one that it is measured against.
fn compare(cases: &mut [Case], index: usize) -> Option<f64> {
    let against = cases[index].against.as_ref()?;
    let other = cases.iter().position(|case| case.id == *against)?;
    let [one, other] = cases.get_disjoint_mut([index, other]).ok()?;
    Some(longer(one, other))
}

/// Measures the cases beside each other.
pub(crate) fn measure(mut cases: Vec<Case>) -> Vec<Row> {
    let calls: Vec<u64> = cases.iter_mut().map(Case::calls_a_turn).collect();
    let mut rounds = vec![Vec::with_capacity(ROUNDS); cases.len()];
    for _ in 0..ROUNDS {
        for ((case, calls), rounds) in cases.iter_mut().zip(&calls).zip(&mut rounds) {
            rounds.push(case.time(*calls).as_nanos() as f64 / *calls as f64);
        }
    }
    let longer: Vec<Option<f64>> = (0..cases.len()).map(|index| compare(&mut cases, index)).collect();
    let rows = cases.into_iter().zip(calls).zip(rounds).zip(longer);
    rows.map(|(((mut case, calls), rounds), longer)| {
        let allocations = case.allocations(calls);
        let mut row = Row::new(case.id, rounds, Some(allocations));
        row.extra.extend(longer.map(|ns| (LONGER, ns)));
        row
    })
    .collect()
}
