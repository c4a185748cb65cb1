//! What `cargo package` makes, unpacked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::documentation::{CRATES, Documentation, cargo, target};

/// Unpacks the packages that are made of the sources as they are, and yields the directory of each.
fn packages() -> Vec<PathBuf> {
    // A directory of its own: Cargo would look at what else is in `package`.
    let directory = target().join("packages-tests");
    let _ = fs::remove_dir_all(&directory);
    let made = cargo(&["package", "--quiet", "--locked", "--no-verify", "--allow-dirty"])
        .env("CARGO_TARGET_DIR", &directory)
        .status();
    assert!(made.expect("cargo runs").success(), "there are no packages");
    let directory = directory.join("package");
    let unpack = |name: &str| {
        let package = format!("{name}-{}", env!("CARGO_PKG_VERSION"));
        let unpacked = Command::new("tar").arg("xf").arg(format!("{package}.crate")).current_dir(&directory).status();
        assert!(unpacked.expect("tar runs").success(), "{package}");
        directory.join(package)
    };
    CRATES.into_iter().map(unpack).collect()
}

/// The targets of all links of a Markdown file.
fn links(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut links = Vec::new();
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event {
            links.push(dest_url.into_string());
        }
    }
    links
}

#[test]
fn a_package_has_a_readme_of_its_own_whose_links_lead_to_the_documentation() {
    let documentation = Documentation::get();
    for package in packages() {
        for file in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            assert!(package.join(file).is_file(), "{}: {file} is missing", package.display());
        }
        let readme = links(&package.join("README.md"));
        assert!(readme.len() > 4, "{readme:?}");
        for link in readme {
            let page = link.strip_prefix("https://docs.rs/").unwrap_or_else(|| panic!("{link} leads out of docs.rs"));
            let (page, anchor) = page.split_once('#').unwrap_or((page, ""));
            let (name, page) = page.split_once("/latest/").unwrap_or((page, ""));
            assert!(CRATES.contains(&name), "{link} leads to another crate");
            if !page.is_empty() {
                assert_eq!(documentation.leads(Path::new(page), anchor), None, "{link}");
            }
        }
        for link in links(&package.join("CHANGELOG.md")) {
            assert!(link.starts_with("https://"), "{link} of the CHANGELOG leads into the repository");
        }
    }
}

#[test]
fn the_package_of_an_adapter_has_the_guide() {
    for package in packages_of_adapters() {
        for file in ["src/guide.rs", "guide/log_people_in.md", "guide/identity_provider.md", "guide/defaults.md"] {
            assert!(package.iter().any(|packaged| packaged == file), "{file}");
        }
    }
}

/// The files of each adapter's package.
fn packages_of_adapters() -> Vec<Vec<String>> {
    let list = |name: &str| {
        let root = crate::documentation::root().join(name);
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let output = command.args(["package", "--list", "--allow-dirty"]).current_dir(root).output();
        let output = String::from_utf8(output.expect("cargo runs").stdout).expect("they are text");
        output.lines().map(str::to_owned).collect()
    };
    ["jwt-tower", "jwt-actix"].into_iter().map(list).collect()
}
