//! `counts.txt`: the compiler in the first line, and then a path and its count in each.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

pub(crate) struct Counts {
    pub(crate) compiler: String,
    pub(crate) paths: Vec<(String, u64)>,
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

/// What this machine compiles with.
pub(crate) fn compiler() -> Result<String, Box<dyn Error>> {
    let said = Command::new("rustc").arg("--version").output().map_err(|error| format!("rustc: {error}"))?;
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}

impl Counts {
    pub(crate) fn read() -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(file()).map_err(|error| format!("{}: {error}", file().display()))?;
        let mut lines = text.lines();
        let compiler = lines.next().unwrap_or_default().to_owned();
        let paths = lines.map(|line| {
            let (path, count) = line.rsplit_once(' ').ok_or_else(|| format!("counts.txt: no count in {line:?}"))?;
            Ok((path.trim().to_owned(), count.parse().map_err(|error| format!("counts.txt: {line:?}: {error}"))?))
        });
        Ok(Self { compiler, paths: paths.collect::<Result<_, String>>()? })
    }

    pub(crate) fn write(&self) -> Result<(), Box<dyn Error>> {
        let mut text = format!("{}\n", self.compiler);
        for (path, count) in &self.paths {
            writeln!(text, "{path} {count}")?;
        }
        Ok(fs::write(file(), text).map_err(|error| format!("{}: {error}", file().display()))?)
    }

    pub(crate) fn of(&self, path: &str) -> Option<u64> {
        self.paths.iter().find(|(name, _)| name == path).map(|(_, count)| *count)
    }
}
