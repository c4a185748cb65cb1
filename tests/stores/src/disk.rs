use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::TestDirectory;

/// A disk of 128 MiB, in memory. It is gone with the test.
#[derive(Debug)]
pub struct SmallDisk(TestDirectory);

impl SmallDisk {
    /// One that is mounted. `None` where nobody may mount: only root may, and not everywhere.
    pub fn mount() -> Option<Self> {
        let directory = TestDirectory::new();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=128m,mode=0755", "tmpfs"])
            .arg(directory.path())
            .output();
        if !mount.is_ok_and(|mount| mount.status.success()) {
            // Not a print macro, whose output the test harness would keep to itself.
            let _ = writeln!(std::io::stderr(), "left out, since this user may not mount: a disk that is full");
            return None;
        }
        let disk = Self(directory);
        fs::create_dir(disk.path().join("server")).expect("it is empty");
        Some(disk)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Takes all of the room that is left.
    pub fn fill(&self) {
        let mut file = fs::File::create(self.ballast()).expect("a file takes no room yet");
        let block = vec![1; 64 << 10];
        while file.write_all(&block).is_ok() {}
    }

    /// Gives it back.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).expect("it is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that ends may still have a file open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
