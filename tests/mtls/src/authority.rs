//! An authority that is made for the tests, and the certificates that it signs.

use std::path::Path;
use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64_simd::URL_SAFE_NO_PAD;
use jwt_core::testing::TestIssuer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use serde_json::json;

/// The name that servers have.
pub(crate) const NAME: &str = "api.example.com";

/// An authority that only these tests know.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate, and its key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// In PEM.
    pub certificate: String,
    /// PKCS#8 in PEM.
    pub key: String,
    der: Vec<u8>,
}

impl Authority {
    /// Makes one.
    ///
    /// # Panics
    /// Where there are no random numbers.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("there are no names in it");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "An authority of tests");
        let key = KeyPair::generate().expect("there are random numbers");
        Self(CertifiedIssuer::self_signed(params, key).expect("it signs itself"))
    }

    /// The one that the servers of these tests trust.
    pub fn trusted() -> &'static Self {
        static TRUSTED: OnceLock<Authority> = OnceLock::new();
        TRUSTED.get_or_init(Self::new)
    }

    /// A new certificate for that client, each time with another key.
    pub fn client(&self, name: &str) -> Identity {
        self.sign(name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    pub(crate) fn server(&self) -> Identity {
        self.sign(NAME, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn sign(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> Identity {
        let key = KeyPair::generate().expect("there are random numbers");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("the name is one of a host");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![purpose];
        let certificate = params.signed_by(&key, &self.0).expect("the authority signs");
        Identity { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
    }

    /// Its certificate in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// A token that is bound to this certificate.
    pub fn token(&self, issuer: &TestIssuer) -> String {
        let hash = URL_SAFE_NO_PAD.encode_to_string(digest(&SHA256, &self.der));
        issuer.token("alice").claim("name", "Alice").claim("cnf", json!({"x5t#S256": hash})).compact()
    }

    /// The value that a field `Client-Cert` would have (RFC 9440).
    pub fn client_cert(&self) -> String {
        let base64: String = self.certificate.lines().filter(|line| !line.starts_with('-')).collect();
        format!(":{base64}:")
    }

    /// Certificate and key in one file, as HAProxy wants them.
    pub(crate) fn write(&self, directory: &Path) -> std::io::Result<()> {
        std::fs::write(directory.join("server.pem"), format!("{}{}", self.certificate, self.key))
    }
}
