use crate::documentation::Documentation;

#[test]
fn every_link_of_the_documentation_leads_to_a_page_and_a_section() {
    let documentation = Documentation::get();
    assert!(documentation.pages() > 300, "only {} pages", documentation.pages());
    let dead = documentation.dead_links();
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}
