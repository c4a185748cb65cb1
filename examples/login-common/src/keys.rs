//! The key that signs.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jwt_core::{Algorithm, SigningKey};
use pem::Pem;

use crate::Options;
use crate::options::Place;

/// The key that the command line names. Without one, the key in the file beside that of the store, which is made where
/// there is none, so that tokens are good after a restart.
pub(crate) fn signing_key(options: &Options) -> Result<SigningKey, Box<dyn Error>> {
    let file = match (&options.key, &options.store) {
        (Some(file), _) => file.clone(),
        (None, Place::File(store)) => {
            let file = beside(store);
            make(&file).map_err(|error| format!("the signing key in {}: {error}", file.display()))?;
            file
        }
        (None, _) => return Ok(SigningKey::generate(Algorithm::ES256)?),
    };
    let named = |error: &dyn Error| format!("the signing key in {}: {error}", file.display());
    let pem = fs::read_to_string(&file).map_err(|error| named(&error))?;
    Ok(SigningKey::pem(Algorithm::ES256, pem).map_err(|error| named(&error))?)
}

/// `login.db` has `login.db.key.pem`.
fn beside(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".key.pem");
    name.into()
}

/// Makes a key where there is none, for nobody but the user of this process.
fn make(file: &Path) -> Result<(), Box<dyn Error>> {
    if file.exists() {
        return Ok(());
    }
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?.to_pkcs8v1()?;
    let text = pem::encode(&Pem::new("PRIVATE KEY", key.as_ref()));
    // Under another name first: a process that ends meanwhile leaves no half a key.
    let part = file.with_extension(format!("pem.{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&part)?.write_all(text.as_bytes())?;
    // Where another process has made one at the same moment, that one counts.
    let linked = fs::hard_link(&part, file);
    fs::remove_file(&part)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}
