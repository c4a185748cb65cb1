//! A PKCS#11 token with keys that sign and never leave it, and the signer that asks it.

#![expect(clippy::missing_panics_doc, reason = "whatever is amiss here makes a test fail")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::{AuthPin, Ulong};
use jwt_core::Algorithm;
use jwt_core::issue::{RemoteSigningKey, Signer, SignerError, Signing, SigningInput};

/// Where Debian keeps the module.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "1234";

/// Whether there is a token to test with. Says once what is left out if not, and how to change that.
///
/// # Panics
/// If there is none and `JWT_TESTS_REQUIRE_ALL` is 1.
pub fn softhsm_is_installed() -> bool {
    let installed = Path::new(MODULE).is_file();
    outside::is_there(installed, "softhsm2", "tests/setup hsm")
}

/// The configuration of a token whose files are in that directory.
pub fn configuration(directory: &Path) -> PathBuf {
    let file = directory.join("softhsm2.conf");
    let text =
        format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", directory.display());
    fs::write(&file, text).expect("the directory is ours");
    file
}

/// A token with a user who is logged in. `SOFTHSM2_CONF` says where it is: one for each process.
#[derive(Debug)]
pub struct Token {
    module: Pkcs11,
    slot: Slot,
}

impl Token {
    /// A new, empty one.
    pub fn new() -> Self {
        let module = Pkcs11::new(MODULE).expect("the module can be loaded");
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).expect("it is new in this process");
        let slot = module.get_slots_with_token().expect("there is a slot").remove(0);
        let (officer, user) = (AuthPin::new("officer".into()), AuthPin::new(PIN.into()));
        module.init_token(slot, &officer, "jwt").expect("the directory is writable");
        let session = module.open_rw_session(slot).expect("the token has sessions");
        session.login(UserType::So, Some(&officer)).expect("the officer is known");
        session.init_pin(&user).expect("the officer may do that");
        drop(session);
        Self { module, slot }
    }

    /// A new key pair in it, and a signer for that.
    pub fn generate(&self, algorithm: Algorithm) -> HsmKey {
        let session = self.module.open_rw_session(self.slot).expect("the token has sessions");
        session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).or_else(already).expect("the user is known");
        let (generator, own) = match algorithm {
            Algorithm::ES256 => (Mechanism::EccKeyPairGen, Attribute::EcParams(P256.to_vec())),
            Algorithm::ES384 => (Mechanism::EccKeyPairGen, Attribute::EcParams(P384.to_vec())),
            _ => (Mechanism::RsaPkcsKeyPairGen, Attribute::ModulusBits(2048.into())),
        };
        let public = [Attribute::Token(true), Attribute::Verify(true), own];
        // What makes it a key of the token: it signs there, and cannot be read.
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
        ];
        let (public, private) = session.generate_key_pair(&generator, &public, &private).expect("the token makes keys");
        let der = public_key(&session, algorithm, public);
        HsmKey { session: Arc::new(Mutex::new(session)), private, public: der.into() }
    }
}

impl Default for Token {
    fn default() -> Self {
        Self::new()
    }
}

/// All sessions of a process share the login.
fn already(error: cryptoki::error::Error) -> cryptoki::error::Result<()> {
    use cryptoki::error::{Error, RvError};
    match error {
        Error::Pkcs11(RvError::UserAlreadyLoggedIn, _) => Ok(()),
        error => Err(error),
    }
}

/// A private key of the token.
#[derive(Clone)]
pub struct HsmKey {
    session: Arc<Mutex<Session>>,
    private: ObjectHandle,
    public: Arc<[u8]>,
}

impl HsmKey {
    /// The key for an issuer.
    pub fn remote(&self, algorithm: Algorithm) -> RemoteSigningKey {
        RemoteSigningKey::der(algorithm, &self.public, self.clone()).expect("the token makes good keys")
    }

    /// What the token tells of the private key when it is asked for its kind and for the key itself.
    pub fn told(&self) -> Vec<Attribute> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = [AttributeType::KeyType, AttributeType::Value, AttributeType::PrivateExponent];
        session.get_attributes(self.private, &asked).expect("it tells what it may")
    }

    /// Takes the key out of the token.
    pub fn destroy(&self) {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.destroy_object(self.private).expect("it is there");
    }
}

impl Signer for HsmKey {
    fn sign<'a>(&'a self, input: SigningInput<'a>) -> Signing<'a> {
        let (session, key) = (self.session.clone(), self.private);
        let algorithm = input.algorithm();
        let data = match algorithm {
            // Their mechanism signs a digest, the others hash.
            Algorithm::ES256 | Algorithm::ES384 => input.digest(),
            _ => input.message().to_vec(),
        };
        Box::pin(async move {
            // PKCS#11 blocks.
            let signing = tokio::task::spawn_blocking(move || {
                let mechanism = match algorithm {
                    Algorithm::ES256 | Algorithm::ES384 => Mechanism::Ecdsa,
                    Algorithm::PS256 => Mechanism::Sha256RsaPkcsPss(PSS),
                    _ => Mechanism::Sha256RsaPkcs,
                };
                let session = session.lock().unwrap_or_else(PoisonError::into_inner);
                session.sign(&mechanism, key, &data)
            });
            signing.await.map_err(SignerError::failed)?.map_err(SignerError::failed)
        })
    }
}

const PSS: PkcsPssParams =
    PkcsPssParams { hash_alg: MechanismType::SHA256, mgf: PkcsMgfType::MGF1_SHA256, s_len: Ulong::new(32) };

/// The names of the curves, in DER.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
/// `ecPublicKey`.
const EC: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// The public half in DER, of what the token tells of it: SPKI on a curve, PKCS#1 for RSA.
fn public_key(session: &Session, algorithm: Algorithm, key: ObjectHandle) -> Vec<u8> {
    let asked = [AttributeType::EcPoint, AttributeType::Modulus, AttributeType::PublicExponent];
    let told = session.get_attributes(key, &asked).expect("a public key is public");
    let of = |wanted: fn(&Attribute) -> Option<&Vec<u8>>| told.iter().find_map(wanted).expect("it has it").clone();
    if matches!(algorithm, Algorithm::ES256 | Algorithm::ES384) {
        let curve = if algorithm == Algorithm::ES256 { P256 } else { P384 };
        let wrapped = of(|attribute| if let Attribute::EcPoint(point) = attribute { Some(point) } else { None });
        // An OCTET STRING, whose head has two bytes: the point is shorter than 128.
        let point = [&[0], &wrapped[2..]].concat();
        return element(0x30, &[element(0x30, &[EC, curve].concat()), element(0x03, &point)].concat());
    }
    let modulus = of(|attribute| if let Attribute::Modulus(number) = attribute { Some(number) } else { None });
    let exponent = of(|attribute| if let Attribute::PublicExponent(number) = attribute { Some(number) } else { None });
    let integer = |number: &[u8]| element(0x02, &[&[0][..usize::from(number[0] >> 7)], number].concat());
    element(0x30, &[integer(&modulus), integer(&exponent)].concat())
}

fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len()).expect("keys are short").to_be_bytes();
    let head = match contents.len() {
        0..=127 => vec![tag, length[1]],
        128..=255 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [&head, contents].concat()
}

impl std::fmt::Debug for HsmKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HsmKey").finish_non_exhaustive()
    }
}
