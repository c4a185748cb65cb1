//! Step-up (RFC 9470): how and how recently the user of a token must have authenticated.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::clock::{Number, NumericDate};
use crate::error::{Mismatch, Misuse, Shortfall, StepUpError};
use crate::verify::CompactToken;

/// What is asked of the authentication of the user.
pub(super) struct StepUp {
    /// Values of `acr`, one of which is needed, the preferred first; empty where it does not matter.
    acr_values: Vec<Box<str>>,
    max_age: Option<Duration>,
    /// For the challenge.
    parameters: Arc<str>,
}

/// What a token says of the authentication (RFC 9068 §2.2.1, OpenID Connect Core 1.0 §2).
#[derive(Default, Deserialize)]
struct Authentication {
    acr: Option<Value>,
    auth_time: Option<Value>,
}

impl StepUp {
    /// One of these, each of which can stand in a challenge as it is.
    pub(super) fn any_acr(acr_values: Vec<Box<str>>) -> Self {
        Self::new(acr_values, None)
    }

    pub(super) fn within(max_age: Duration) -> Self {
        Self::new(Vec::new(), Some(max_age))
    }

    fn new(acr_values: Vec<Box<str>>, max_age: Option<Duration>) -> Self {
        let acr = (!acr_values.is_empty()).then(|| format!("acr_values=\"{}\"", acr_values.join(" ")));
        // Rounded down: who does what the challenge says is let in.
        let age = max_age.map(|max_age| format!("max_age=\"{}\"", max_age.as_secs()));
        let parameters = [acr, age].into_iter().flatten().collect::<Vec<_>>().join(", ").into();
        Self { acr_values, max_age, parameters }
    }

    /// Both, so that a client is told of all that it needs at once. No token has two values of `acr`, so that those count which
    /// are in both lists.
    pub(super) fn and(&self, other: &Self) -> Result<Self, Misuse> {
        let acr_values = match (&*self.acr_values, &*other.acr_values) {
            (ours, []) => ours.to_vec(),
            ([], theirs) => theirs.to_vec(),
            (ours, theirs) => {
                let both: Vec<_> = ours.iter().filter(|ours| theirs.contains(ours)).cloned().collect();
                if both.is_empty() {
                    return Err(Misuse::Acr);
                }
                both
            }
        };
        Ok(Self::new(acr_values, self.max_age.into_iter().chain(other.max_age).min()))
    }

    pub(super) fn check(&self, token: &CompactToken) -> Result<(), StepUpError> {
        let claims = serde_json::from_str(token.common().json()).unwrap_or_default();
        let (now, leeway) = token.now();
        self.check_claims(claims, now, leeway).map_err(|shortfall| StepUpError::new(shortfall, self.parameters.clone()))
    }

    fn check_claims(&self, claims: Authentication, now: NumericDate, leeway: Duration) -> Result<(), Shortfall> {
        let Authentication { acr, auth_time } = claims;
        if !self.acr_values.is_empty() {
            let acr = match &acr {
                None => None,
                Some(Value::String(acr)) => Some(&**acr),
                Some(_) => return Err(Shortfall::Type("acr")),
            };
            if !acr.is_some_and(|acr| self.acr_values.iter().any(|needed| **needed == *acr)) {
                let needed = self.acr_values.iter().map(AsRef::as_ref);
                return Err(Shortfall::Acr(Mismatch::new(acr, needed)));
            }
        }
        let Some(max_age) = self.max_age else { return Ok(()) };
        let at = moment(&auth_time.ok_or(Shortfall::NoTime)?).ok_or(Shortfall::Type("auth_time"))?.since_epoch();
        let (now, last) = (now.since_epoch(), at.saturating_add(max_age));
        if now > last.saturating_add(leeway) {
            return Err(Shortfall::TooOld { by: now.saturating_sub(last) });
        }
        if at > now.saturating_add(leeway) {
            return Err(Shortfall::InFuture { early: at.saturating_sub(now) });
        }
        Ok(())
    }
}

fn moment(value: &Value) -> Option<NumericDate> {
    let number = value.as_u64().map(Number::Unsigned).or_else(|| value.as_f64().map(Number::Float))?;
    NumericDate::from_number(number)
}

impl fmt::Debug for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step_up({})", self.parameters)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn acr(values: &[&str]) -> StepUp {
        StepUp::any_acr(values.iter().map(|value| (*value).into()).collect())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn two_requirements_are_one_challenge_with_what_satisfies_both() {
        let both = acr(&["gold", "silver"]).and(&StepUp::within(seconds(300))).unwrap();
        assert_eq!(&*both.parameters, r#"acr_values="gold silver", max_age="300""#);
        let both = both.and(&StepUp::within(seconds(60))).unwrap().and(&acr(&["bronze", "silver"])).unwrap();
        assert_eq!(&*both.parameters, r#"acr_values="silver", max_age="60""#);
        assert_eq!(both.and(&acr(&["bronze"])).err(), Some(Misuse::Acr));
    }

    #[test]
    fn a_part_of_a_second_is_not_promised() {
        assert_eq!(&*StepUp::within(Duration::from_millis(1_999)).parameters, r#"max_age="1""#);
        assert_eq!(&*StepUp::within(Duration::MAX).parameters, format!("max_age=\"{}\"", u64::MAX));
    }

    proptest! {
        #[test]
        fn whatever_the_claims_say_nothing_panics_and_only_a_recent_number_passes(
            auth_time in prop_oneof![
                any::<u64>().prop_map(Value::from), any::<i64>().prop_map(Value::from),
                any::<f64>().prop_map(Value::from), ".*".prop_map(Value::from),
            ],
            now in any::<u64>(), max_age in any::<u64>(), leeway in any::<u64>(),
        ) {
            let now = NumericDate::from_secs(now);
            let claims = Authentication { acr: None, auth_time: Some(auth_time.clone()) };
            if StepUp::within(seconds(max_age)).check_claims(claims, now, seconds(leeway)).is_ok() {
                let at = moment(&auth_time).unwrap().since_epoch();
                let slack = seconds(leeway).saturating_add(seconds(max_age));
                prop_assert!(now.since_epoch().saturating_sub(at) <= slack);
                prop_assert!(at.saturating_sub(now.since_epoch()) <= seconds(leeway));
            }
        }
    }
}
