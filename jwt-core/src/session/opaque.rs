//! Opaque tokens: random names for what a store remembers.

use std::fmt;

use crate::base64url;
use crate::key::algorithm::Algorithm;
use crate::key::crypto::{self, PrivateKey};
use crate::store::{Digest, Owner, Salt, SignInId, SignInKey, StoreError};

/// What an opaque token is for. Each kind has its own prefix and its own digests, so that a token of one kind is never
/// accepted as one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Refresh,
    Session,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "jrt_",
            Self::Session => "jst_",
        }
    }

    /// Whether a token has the prefix of this kind.
    pub(crate) fn claims(self, token: &[u8]) -> bool {
        token.starts_with(self.prefix().as_bytes())
    }

    /// A digest for this kind. `what` separates the digests of different things.
    fn digest(self, what: &str, message: &[u8]) -> Result<[u8; 32], StoreError> {
        let bytes = [self.prefix().as_bytes(), what.as_bytes(), b"\0", message].concat();
        crypto::sha256(&bytes).try_into().map_err(|_| StoreError::Backend)
    }

    /// The owner of a subject's sign-ins of this kind. Every token begins with it: with a key, its holder cannot test which
    /// subject it is for. Without, it is a digest of the subject.
    pub(crate) fn owner(self, subject: &str, key: Option<&SubjectKey>) -> Result<Owner, StoreError> {
        self.owner_of("owner", subject.as_bytes(), key)
    }

    /// The owner of something else, made as that of a subject.
    pub(crate) fn owner_of(self, what: &str, name: &[u8], key: Option<&SubjectKey>) -> Result<Owner, StoreError> {
        let digest = match key {
            None => self.digest(what, name)?,
            Some(SubjectKey(key)) => {
                let message = [self.prefix().as_bytes(), what.as_bytes(), b"\0", name].concat();
                let tag = key.sign(&message).map_err(|_| StoreError::Backend)?;
                tag.try_into().map_err(|_| StoreError::Backend)?
            }
        };
        Ok(Owner::new(front(&digest)))
    }
}

/// The secret under which owners are made of subjects, by HMAC-SHA256. `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct SubjectKey(PrivateKey);

impl SubjectKey {
    /// `None` for a secret of under 32 bytes.
    pub(crate) fn new(secret: &[u8]) -> Option<Self> {
        PrivateKey::secret(Algorithm::HS256, secret).ok().filter(|_| secret.len() >= LEAST_SECRET).map(Self)
    }
}

/// The shortest [`SubjectKey`], in bytes: as long as its hash (RFC 7518 §3.2).
pub(crate) const LEAST_SECRET: usize = 32;

/// The name of an entry that says that a subject has sign-ins.
pub(crate) fn pointer(subject: &str) -> Result<SignInId, StoreError> {
    let digest = crypto::sha256(subject.as_bytes()).try_into().map_err(|_| StoreError::Backend)?;
    Ok(SignInId::new(front(&digest)))
}

fn front(digest: &[u8; 32]) -> [u8; 16] {
    std::array::from_fn(|index| digest[index])
}

const OWNER: usize = 16;
const HANDLE: usize = 16;
const SECRET: usize = 32;
const BYTES: usize = OWNER + HANDLE + SECRET;

/// The parts of an opaque token: the owner of its record, a handle that only holders of the token know, and the secret.
///
/// The handle stays the same for as long as a sign-in lasts. Whoever presents it without the current secret has once had a
/// token of that sign-in: a stranger cannot make it look stolen.
pub(crate) struct Opaque {
    kind: Kind,
    owner: [u8; OWNER],
    handle: [u8; HANDLE],
    secret: [u8; SECRET],
}

impl Opaque {
    /// A token for a new sign-in.
    pub(crate) fn generate(kind: Kind, owner: Owner) -> Result<Self, StoreError> {
        Ok(Self { kind, owner: *owner.as_bytes(), handle: random()?, secret: random()? })
    }

    /// Reads a token of a request. `None` if it is not of this kind.
    pub(crate) fn read(kind: Kind, token: &[u8]) -> Option<Self> {
        let text = token.strip_prefix(kind.prefix().as_bytes())?;
        let mut buffer = [0; BYTES];
        if base64url::decode_into(text, &mut buffer)?.len() != BYTES {
            return None;
        }
        let (owner, rest) = buffer.split_first_chunk()?;
        let (handle, rest) = rest.split_first_chunk()?;
        let secret = rest.first_chunk()?;
        Some(Self { kind, owner: *owner, handle: *handle, secret: *secret })
    }

    /// The key of its record.
    pub(crate) fn key(&self) -> Result<SignInKey, StoreError> {
        let digest = self.kind.digest("handle", &self.handle)?;
        Ok(SignInKey { owner: Owner::new(self.owner), id: SignInId::new(front(&digest)) })
    }

    /// The digest of its secret, which the record holds.
    pub(crate) fn digest(&self) -> Result<Digest, StoreError> {
        self.kind.digest("secret", &self.secret).map(Digest::new)
    }

    /// The token of the same sign-in with a new secret.
    pub(crate) fn renewed(&self) -> Result<Self, StoreError> {
        random().map(|secret| self.with(secret))
    }

    /// The token that follows: its secret is HMAC-SHA256 of a random salt under the secret of this one. It takes both this
    /// token and the salt to make it.
    pub(crate) fn successor(&self, salt: Salt) -> Result<Self, StoreError> {
        let failed = StoreError::Backend;
        let key = PrivateKey::secret(Algorithm::HS256, &self.secret).map_err(|_| failed.clone())?;
        let tag = key.sign(salt.as_bytes()).map_err(|_| failed.clone())?;
        tag.try_into().map(|secret| self.with(secret)).map_err(|_| failed)
    }

    fn with(&self, secret: [u8; SECRET]) -> Self {
        Self { secret, ..*self }
    }

    /// The token as it is sent to the client.
    pub(crate) fn token(&self) -> OpaqueToken {
        let bytes = [&self.owner[..], &self.handle, &self.secret].concat();
        OpaqueToken(format!("{}{}", self.kind.prefix(), base64url::encode(bytes)))
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    crypto::random().ok_or(StoreError::Backend)
}

/// A refresh token or a session token, as it is sent to the client: a name of its owner, a handle and 256 random bits, as
/// 90 characters of `A-Z a-z 0-9 _ -`. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct OpaqueToken(String);

impl OpaqueToken {
    /// The token. Treat it as a password: whoever holds it can act as the user.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<[u8]> for OpaqueToken {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(kind: Kind) -> Opaque {
        Opaque::generate(kind, kind.owner("alice", None).unwrap()).unwrap()
    }

    #[test]
    fn a_token_reads_back_as_its_own_kind_only() {
        for (kind, other) in [(Kind::Refresh, Kind::Session), (Kind::Session, Kind::Refresh)] {
            let token = token(kind);
            let text = token.token();
            assert_eq!(text.as_str().len(), 90);
            let again = Opaque::read(kind, text.as_ref()).unwrap();
            assert_eq!(
                (again.key().unwrap(), again.digest().unwrap()),
                (token.key().unwrap(), token.digest().unwrap())
            );
            assert!(Opaque::read(other, text.as_ref()).is_none());
        }
    }

    #[test]
    fn the_kinds_keep_the_same_subject_and_the_same_bytes_apart() {
        assert_ne!(Kind::Refresh.owner("alice", None).unwrap(), Kind::Session.owner("alice", None).unwrap());
        let key = SubjectKey::new(&[7; 32]);
        assert_ne!(
            Kind::Refresh.owner("alice", key.as_ref()).unwrap(),
            Kind::Session.owner("alice", key.as_ref()).unwrap()
        );
        let refresh = token(Kind::Refresh);
        let session = Opaque { kind: Kind::Session, ..refresh };
        assert_ne!(refresh.digest().unwrap(), session.digest().unwrap());
        assert_ne!(refresh.key().unwrap().id, session.key().unwrap().id);
    }

    #[test]
    fn whatever_is_not_exactly_a_token_is_none() {
        let text = token(Kind::Refresh).token().as_str().to_owned();
        let variants = [
            String::new(),
            "jrt_".into(),
            text[1..].into(),
            text[..89].into(),
            format!("{text}A"),
            format!("{text}="),
            text.replacen("jrt_", "JRT_", 1),
            format!("{}+", &text[..89]),
            format!("{text}\n"),
            "jrt_".repeat(100_000),
        ];
        for variant in variants {
            assert!(Opaque::read(Kind::Refresh, variant.as_bytes()).is_none(), "{}", variant.len());
        }
    }

    #[test]
    fn a_successor_follows_from_token_and_salt_and_from_neither_alone() {
        let first = token(Kind::Refresh);
        let salt = Salt::new(random().unwrap());
        let successor = first.successor(salt).unwrap();
        assert_eq!(successor.token(), first.successor(salt).unwrap().token());
        assert_eq!(successor.key().unwrap(), first.key().unwrap());
        assert_ne!(successor.token(), first.token());
        assert_ne!(successor.token(), first.successor(Salt::new(random().unwrap())).unwrap().token());
        assert_ne!(successor.token(), token(Kind::Refresh).successor(salt).unwrap().token());
    }

    #[test]
    fn a_token_never_prints_itself() {
        let token = token(Kind::Session).token();
        assert!(!format!("{token:?}").contains(&token.as_str()[4..]));
    }
}
