//! `counts.txt`: what was counted with in the first line, and then a path and its count in each.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

pub(crate) struct Counts {
    /// What the counts depend on beside the code.
    pub(crate) with: String,
    pub(crate) paths: Vec<(String, u64)>,
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

/// What of the processor valgrind hands on, and libraries look at to choose their code.
const FLAGS: [&str; 10] = ["ssse3", "sse4_2", "avx", "avx2", "bmi1", "bmi2", "fma", "f16c", "rdrand", "erms"];

/// What this machine would count with: compiler, valgrind, C library, processor.
pub(crate) fn with() -> Result<String, Box<dyn Error>> {
    let first_line = |program: &str| -> Result<String, Box<dyn Error>> {
        let said = Command::new(program).arg("--version").output();
        let said = said.map_err(|error| format!("{program} cannot be run, {error}: tests/setup instructions"))?;
        Ok(String::from_utf8(said.stdout)?.lines().next().unwrap_or_default().trim().to_owned())
    };
    let library = first_line("ldd")?;
    let library = library.rsplit(' ').next().unwrap_or_default();
    let processor = fs::read_to_string("/proc/cpuinfo")?;
    let has: Vec<&str> =
        processor.lines().find(|line| line.starts_with("flags")).unwrap_or_default().split(' ').collect();
    let flags: Vec<&str> = FLAGS.into_iter().filter(|flag| has.contains(flag)).collect();
    Ok(format!("{}; {}; glibc {library}; {}", first_line("rustc")?, first_line("valgrind")?, flags.join(" ")))
}

impl Counts {
    pub(crate) fn read() -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(file()).map_err(|error| format!("{}: {error}", file().display()))?;
        let mut lines = text.lines();
        let with = lines.next().unwrap_or_default().to_owned();
        let paths = lines.map(|line| {
            let (path, count) = line.rsplit_once(' ').ok_or_else(|| format!("counts.txt: no count in {line:?}"))?;
            Ok((path.trim().to_owned(), count.parse().map_err(|error| format!("counts.txt: {line:?}: {error}"))?))
        });
        Ok(Self { with, paths: paths.collect::<Result<_, String>>()? })
    }

    pub(crate) fn write(&self) -> Result<(), Box<dyn Error>> {
        let mut text = format!("{}\n", self.with);
        for (path, count) in &self.paths {
            writeln!(text, "{path} {count}")?;
        }
        Ok(fs::write(file(), text).map_err(|error| format!("{}: {error}", file().display()))?)
    }

    pub(crate) fn of(&self, path: &str) -> Option<u64> {
        self.paths.iter().find(|(name, _)| name == path).map(|(_, count)| *count)
    }
}
