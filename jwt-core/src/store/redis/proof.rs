//! Used proofs: one hash for each key that signs them.

use super::{RedisStore, time_to_live};
use crate::base64url;
use crate::claims::used_proof::{FirstUse, UsedProof};
use crate::clock::NumericDate;
use crate::store::{ProofStore, StoreFuture};

impl ProofStore for RedisStore {
    fn first_use(&self, proof: UsedProof, now: NumericDate) -> StoreFuture<'_, FirstUse> {
        Box::pin(async move {
            let script = &self.scripts.proof;
            let mut call = script.call(&[format!("{}proofs:{}", self.prefix, base64url::encode(proof.key))]);
            call.arg(now.as_millis()).arg(base64url::encode(proof.id)).arg(proof.until.as_millis());
            call.arg(base64url::encode(proof.attempt)).arg(proof.limit).arg(time_to_live(proof.until, now));
            Ok(match self.run::<i64>(script, &call).await? {
                1 => FirstUse::Yes,
                0 => FirstUse::No,
                _ => FirstUse::Full,
            })
        })
    }
}
