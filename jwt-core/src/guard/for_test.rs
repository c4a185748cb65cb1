//! Admissions that no layer has made, for the tests of applications (feature `testing`).

use super::admission::{Admission, Admitted};
use crate::verify::VerifiedToken;

impl Admission {
    /// As if a layer had let that token in, for unit tests of routes (feature `testing`): put into the extensions of a
    /// request, extractors find it there.
    pub fn for_test<C: Send + Sync + 'static>(token: VerifiedToken<C>) -> Self {
        Self(Admitted::Verified(token.into_any()))
    }
}
