//! The files of this example, to be read on the page: every step of the story leads to the lines that do it.

use std::fmt::Write;

/// Each file with its text, as it was compiled.
const FILES: [(&str, &str); 14] = [
    ("access.rs", include_str!("access.rs")),
    ("cache.rs", include_str!("cache.rs")),
    ("cluster.rs", include_str!("cluster.rs")),
    ("front.rs", include_str!("front.rs")),
    ("instance.rs", include_str!("instance.rs")),
    ("invoices.rs", include_str!("invoices.rs")),
    ("load.rs", include_str!("load.rs")),
    ("login.rs", include_str!("login.rs")),
    ("orders.rs", include_str!("orders.rs")),
    ("orders_actix.rs", include_str!("orders_actix.rs")),
    ("page.rs", include_str!("page.rs")),
    ("provider.rs", include_str!("provider.rs")),
    ("sentence.rs", include_str!("sentence.rs")),
    ("theft.rs", include_str!("theft.rs")),
];

/// The name of a place in the code: a comment `// #name`, whose line then has that id.
fn place(line: &str) -> Option<&str> {
    line.trim().strip_prefix("// #").filter(|name| !name.contains(' '))
}

/// The file as a page with numbered lines, `None` if there is no such file.
pub(crate) fn page(name: &str) -> Option<String> {
    let (_, text) = FILES.iter().find(|(file, _)| *file == name)?;
    let mut lines = String::new();
    for (number, line) in text.lines().enumerate() {
        let id = place(line).map_or_else(|| format!("L{}", number + 1), str::to_owned);
        let text = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // An empty line would have no height.
        let text = if text.is_empty() { " " } else { &text };
        let kind = if line.trim_start().starts_with("//") { " class=\"comment\"" } else { "" };
        // A write to a string does not fail.
        let _ = writeln!(lines, "<li id=\"{id}\"><code{kind}>{text}</code></li>");
    }
    Some(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{name}</title>\n<link rel=\"icon\" href=\"/icon.svg\" \
         type=\"image/svg+xml\">\n<link rel=\"stylesheet\" href=\"/story.css\">\n<body class=\"source\">\n\
         <header><a href=\"/\">The story</a> <h1>examples/story/src/{name}</h1></header>\n<main><ol>\n{lines}</ol></main>\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_of_the_page_leads_to_a_place_in_the_code() {
        let html = include_str!("../page/index.html");
        let script = include_str!("../page/story.js");
        let links: Vec<&str> = [html, script]
            .iter()
            .flat_map(|text| text.split("/source/").skip(1))
            .map(|rest| rest.split(['"', '`', '\'']).next().expect("a split has a first part"))
            .collect();
        assert!(links.len() > 8, "{links:?}");
        for link in links {
            let (file, place) = link.split_once('#').expect("a link names a place");
            let page = page(file).unwrap_or_else(|| panic!("no file {file}"));
            assert!(page.contains(&format!("id=\"{place}\"")), "no place {place} in {file}");
        }
    }

    #[test]
    fn code_is_escaped() {
        let page = page("access.rs").expect("it is there");
        assert!(page.contains("Result&lt;Self"));
    }
}
