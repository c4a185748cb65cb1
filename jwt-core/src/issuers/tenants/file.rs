//! Names of tenants in a file.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::TenantMemory;
use super::log;
use crate::config_error::debug_as_display;

/// Remembers the names of tenants in a file, one a line, the last added last. For one process at a time.
///
/// Lines are added as tenants come, and the file is written again where it has become twice as long as it needs to be: to
/// a file beside it with `.new` at the end of its name, which then takes its place. What cannot be written is in the log,
/// and is tried again with the next name.
///
/// ```
/// use jwt_core::Tenants;
/// use jwt_core::tenants::TenantFile;
///
/// # let directory = std::env::temp_dir().join(format!("tenant-file-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let path = directory.join("tenants.txt");
/// let tenants = Tenants::template("https://login.example.com/{tenant}/v2.0").remember(TenantFile::open(&path)?);
/// # drop(tenants);
/// # std::fs::remove_dir_all(directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TenantFile {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    /// Names as they stand in the file, the last added last; some may be there twice.
    lines: Vec<String>,
    /// The file, for lines at its end. `None` where its content is not known.
    end: Option<File>,
    at_most: usize,
}

/// Why the names of tenants cannot be kept in a file. `Debug` says what `Display` says.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TenantFileError {
    /// The file cannot be read, or cannot be opened or made for writing.
    #[error("the file of tenants {}: {reason}: give a file in a directory that exists and that the service may write to", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
}

debug_as_display!(TenantFileError);

impl TenantFile {
    /// The file of that name, which is made if there is none.
    ///
    /// # Errors
    /// [`TenantFileError::Unusable`] where it cannot be read and written.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, TenantFileError> {
        let path = path.into();
        let open = || {
            let end = OpenOptions::new().append(true).create(true).open(&path)?;
            let text = fs::read(&path)?;
            // A line that was not written to its end is no name, and neither is what follows it on the same line.
            let is_whole = text.last().is_none_or(|last| *last == b'\n');
            let mut lines: Vec<String> =
                text.split(|byte| *byte == b'\n').filter_map(|line| String::from_utf8(line.to_vec()).ok()).collect();
            if !is_whole {
                lines.pop();
            }
            lines.retain(|line| !line.is_empty());
            Ok(State { lines, end: is_whole.then_some(end), at_most: usize::MAX })
        };
        match open() {
            Ok(state) => Ok(Self { path, state: Mutex::new(state) }),
            Err(reason) => Err(TenantFileError::Unusable { path, reason }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Leaves out names that are there again later, and the oldest of those that are too many.
    fn tidy(&mut self) {
        let mut seen = HashSet::new();
        let mut lines: Vec<String> =
            self.lines.iter().rev().filter(|line| seen.insert(line.as_str())).take(self.at_most).cloned().collect();
        lines.reverse();
        self.lines = lines;
    }

    fn append(&mut self, issuer: &str) -> io::Result<()> {
        match &mut self.end {
            Some(end) => end.write_all(format!("{issuer}\n").as_bytes()),
            None => Err(io::Error::other("not open")),
        }
    }

    fn write_all(&mut self, path: &Path) -> io::Result<()> {
        self.end = None;
        self.tidy();
        let mut text = self.lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        let mut new = OsString::from(path);
        new.push(".new");
        fs::write(&new, text)?;
        fs::rename(&new, path)?;
        self.end = Some(OpenOptions::new().append(true).open(path)?);
        Ok(())
    }

    fn write_all_or_log(&mut self, path: &Path) {
        if let Err(error) = self.write_all(path) {
            log::tenants_not_written(&error);
        }
    }
}

impl TenantMemory for TenantFile {
    fn names(&self, at_most: usize) -> Vec<String> {
        let mut state = self.state();
        state.at_most = at_most.max(1);
        state.tidy();
        state.lines.clone()
    }

    fn add(&self, issuer: &str) {
        // A line is a name.
        if issuer.contains('\n') || issuer.is_empty() {
            return;
        }
        let mut state = self.state();
        if state.lines.last().is_some_and(|last| last == issuer) {
            return;
        }
        state.lines.push(issuer.to_owned());
        let is_long = state.lines.len() > state.at_most.saturating_mul(2);
        if is_long || state.append(issuer).is_err() {
            state.write_all_or_log(&self.path);
        }
    }

    fn remove(&self, issuer: &str) {
        let mut state = self.state();
        let before = state.lines.len();
        state.lines.retain(|line| line != issuer);
        if state.lines.len() < before {
            state.write_all_or_log(&self.path);
        }
    }
}

impl fmt::Debug for TenantFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantFile").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in a directory of its own, which goes when the test ends.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("jwt-tenants-{}-{name}", std::process::id()));
            fs::create_dir_all(&directory).unwrap();
            Self(directory)
        }

        fn path(&self) -> PathBuf {
            self.0.join("tenants.txt")
        }

        fn names(&self, at_most: usize) -> Vec<String> {
            TenantFile::open(self.path()).unwrap().names(at_most)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn names_survive_and_the_last_added_are_last() {
        let place = Place::new("order");
        let file = TenantFile::open(place.path()).unwrap();
        assert_eq!(file.names(10), [""; 0]);
        for name in ["a", "b", "c", "a"] {
            file.add(name);
        }
        assert_eq!(place.names(10), ["b", "c", "a"]);
        assert_eq!(place.names(2), ["c", "a"]);
        file.remove("c");
        file.remove("nobody");
        file.add("d");
        assert_eq!(place.names(10), ["b", "a", "d"]);
        drop(file);
        assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn the_file_is_never_more_than_twice_as_long_as_it_needs_to_be() {
        let place = Place::new("length");
        let file = TenantFile::open(place.path()).unwrap();
        file.names(5);
        for n in 0..100 {
            file.add(&n.to_string());
            assert!(fs::read_to_string(place.path()).unwrap().lines().count() <= 10);
        }
        assert_eq!(place.names(5), ["95", "96", "97", "98", "99"]);
    }

    #[test]
    fn what_is_no_name_is_not_one() {
        let place = Place::new("odd");
        fs::write(place.path(), b"a\n\n\xff\nb\nhalf a na").unwrap();
        let file = TenantFile::open(place.path()).unwrap();
        assert_eq!(file.names(10), ["a", "b"]);
        file.add("c\nd");
        file.add("");
        file.add("e");
        assert_eq!(place.names(10), ["a", "b", "e"]);
    }

    #[test]
    fn what_could_not_be_written_is_written_with_the_next_name() {
        let place = Place::new("again");
        let file = TenantFile::open(place.path()).unwrap();
        file.add("a");
        // No file can be put in the place of a directory that is not empty.
        fs::remove_file(place.path()).unwrap();
        fs::create_dir_all(place.path().join("x")).unwrap();
        file.remove("a");
        file.add("b");
        fs::remove_dir_all(place.path()).unwrap();
        file.add("c");
        assert_eq!(place.names(10), ["b", "c"]);
    }

    #[test]
    fn the_error_names_the_file() {
        let path = std::env::temp_dir().join("no such directory").join("tenants.txt");
        let error = TenantFile::open(&path).unwrap_err();
        assert!(error.to_string().contains(&path.display().to_string()) && format!("{error:?}") == error.to_string());
    }
}
