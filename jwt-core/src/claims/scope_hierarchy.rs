//! Scopes that imply others: a token with the one is treated as one that has the other as well.

use std::collections::{BTreeSet, HashMap};

/// Which scopes imply which.
#[derive(Debug, Default)]
pub(crate) struct ScopeHierarchy {
    /// By the name of a scope, those that imply it: all of them, however many steps away.
    implying: HashMap<Box<str>, BTreeSet<Box<str>>>,
}

impl ScopeHierarchy {
    /// Whoever has `scope` has `implied` too, and whatever that implies.
    pub(crate) fn add(&mut self, scope: &str, implied: &str) {
        let mut above = self.implying.get(scope).cloned().unwrap_or_default();
        above.insert(scope.into());
        let below = self.implying.iter().filter(|(_, implying)| implying.contains(implied));
        let mut below: Vec<Box<str>> = below.map(|(name, _)| name.clone()).collect();
        below.push(implied.into());
        for name in below {
            self.implying.entry(name).or_default().extend(above.iter().cloned());
        }
    }

    /// Whether there is a scope without a name.
    pub(crate) fn has_empty(&self) -> bool {
        self.implying.iter().any(|(name, implying)| name.is_empty() || implying.contains(""))
    }

    /// The scopes that imply that one.
    pub(crate) fn implying(&self, scope: &str) -> impl Iterator<Item = &str> {
        let implying = if self.implying.is_empty() { None } else { self.implying.get(scope) };
        implying.into_iter().flatten().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(steps: &[(u8, u8)]) -> ScopeHierarchy {
        let mut hierarchy = ScopeHierarchy::default();
        for (scope, implied) in steps {
            hierarchy.add(&scope.to_string(), &implied.to_string());
        }
        hierarchy
    }

    /// Whether steps lead from one to the other.
    fn leads(steps: &[(u8, u8)], from: u8, to: u8) -> bool {
        let mut reached = BTreeSet::from([from]);
        for _ in 0..steps.len() {
            reached.extend(
                steps
                    .iter()
                    .filter(|(scope, _)| reached.contains(scope))
                    .map(|(_, implied)| *implied)
                    .collect::<Vec<_>>(),
            );
        }
        reached.contains(&to)
    }

    proptest! {
        #[test]
        fn a_scope_implies_what_steps_lead_to_in_whatever_order_and_circle(
            steps in prop::collection::vec((0_u8..6, 0_u8..6), 0..12),
        ) {
            let hierarchy = of(&steps);
            for (from, to) in (0..6).flat_map(|from| (0..6).map(move |to| (from, to))).filter(|(from, to)| from != to) {
                let implied = hierarchy.implying(&to.to_string()).any(|scope| scope == from.to_string());
                prop_assert_eq!(implied, leads(&steps, from, to), "{} {}", from, to);
            }
        }
    }
}
