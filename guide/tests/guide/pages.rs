//! What directives become.

use guide::book;

use crate::fake;

fn built(page: &str) -> String {
    let (dir, ws) = fake::book();
    let site = dir.path().join("site");
    book::build(&ws, &site).expect("the made-up book builds");
    std::fs::read_to_string(site.join(page)).expect("the page was built")
}

#[test]
fn a_listing_shows_its_file_its_number_and_marks_what_is_new() {
    let html = built("ch99/step1.html");
    assert!(html.contains("ch99-fake/src/step2_ask.rs"));
    assert!(html.contains("<b>Listing 99-1.</b> Asking takes one line."), "{html}");
    assert_eq!(html.matches("<span class=\"new\">+</span>").count(), 2);
    assert!(html.contains("checked_sub") && !html.contains("ANCHOR"));
    assert!(html.contains("new since step 1"));
}

#[test]
fn a_figure_is_a_picture_a_text_and_a_log_to_step_through() {
    let html = built("ch99/step1.html");
    assert!(html.contains("<svg class=\"spacetime\""));
    assert!(
        html.contains("coord → stock   take 1 umbrella")
            && html.contains("<summary>As text</summary>")
    );
    assert!(html.contains("<time-line data-figure=\"figure-99-2\">"));
    assert!(html.contains("class=\"log-data\">{\"events\":"));
}

#[test]
fn numbers_outputs_terms_and_boxes_are_put_in() {
    let html = built("ch99/step1.html");
    assert!(html.contains("in 12 states"));
    assert!(html.contains("<b class=\"prompt\">$ cargo guide find ch99/step1</b>"));
    assert!(html.contains("href=\"../glossary.html#in-doubt\""));
    assert_eq!(html.matches("<details class=\"answer").count(), 6);
    assert!(html.contains("<del>left - 1</del>") && html.contains("<ins>left</ins>"));
    assert!(html.contains("cargo guide exercise start ch99/both"));
    assert!(!html.contains("{{#"), "a directive was left in the page");
}

#[test]
fn plots_tables_and_dials_can_be_read_without_a_picture() {
    let html = built("ch99/step1.html");
    assert_eq!(html.matches("<svg class=\"plot\"").count(), 2, "the plot's, and the dial's");
    assert!(html.contains("<b>Figure 99-3.</b> One less for each buyer."), "{html}");
    assert!(html.contains("<th>buyers</th><th>left</th>"));
    assert!(html.contains("<td class=\"v-unsafe\">unsafe</td>"));
    assert!(html.contains("<guess-dial data-least=\"0\" data-most=\"10\" data-unit=\"umbrellas\""));
    assert!(html.contains("<b>7 umbrellas</b>: <code>10 - 3 &lt; 10</code>"));
    assert!(html.contains("<code>ten</code>"), "a question may hold code");
}

const CHANGE: &str = "{{#change file=ch99-fake/src/step1_take.rs find=\"left - 1\" replace=\"left\" command=\"cargo guide explore ch99/step1\"}}";

/// The step's page, with a box that names a mutant instead.
fn with_mutant(toml: &str) -> Result<String, String> {
    let (dir, ws) = fake::book();
    let page = "book/src/ch99/step1.md";
    let text = ws.read(page).unwrap();
    assert!(text.contains(CHANGE));
    ws.write(page, &text.replace(CHANGE, "{{#change mutant=ch99/keep-all}}")).unwrap();
    ws.write("ch99-fake/mutants/keep-all.toml", toml).unwrap();
    let site = dir.path().join("site");
    book::build(&ws, &site).map_err(|error| error.to_string())?;
    Ok(std::fs::read_to_string(site.join("ch99/step1.html")).unwrap())
}

#[test]
fn a_change_box_shows_the_mutant_that_it_names_and_what_a_test_holds() {
    let toml = "shows = \"Nothing is ever sold.\"\nfile = \"ch99-fake/src/step1_take.rs\"\n\
                find = \"    left - 1\\n}\"\nreplace = \"    left\\n}\"\nkilled_by = \"SOLD\"\nsteps = 3\n";
    let html = with_mutant(toml).unwrap();
    assert!(
        html.contains("<del>left - 1</del></span>\n<span class=\"old\"><i>−</i><del>}</del>"),
        "{html}"
    );
    assert!(html.contains("<code>ch99-fake/src/step1_take.rs</code>, line 3"), "{html}");
    assert!(html.contains("<code>cargo guide explore ch99/step1</code>"));
    assert!(html.contains("A test holds this: SOLD breaks first, after 3 events."));
    let stale = with_mutant(&toml.replace("left - 1", "left - 2")).unwrap_err();
    assert!(stale.contains("stands 0 times in ch99-fake/src/step1_take.rs"), "{stale}");
    let one = "\n[[change]]\nfind = \"left\"\nreplace = \"right\"\n";
    let bare = toml.lines().filter(|l| !l.starts_with("find") && !l.starts_with("replace"));
    let bare = bare.collect::<Vec<_>>().join("\n");
    let several = with_mutant(&format!("{bare}{one}{one}")).unwrap_err();
    assert!(several.contains("changes several places"), "{several}");
    let broken = with_mutant("file = 3").unwrap_err();
    assert!(broken.contains("ch99-fake/mutants/keep-all.toml"), "{broken}");
}

#[test]
fn a_table_of_mutants_tells_what_kills_each_and_how_soon() {
    let (dir, ws) = fake::book();
    let page = "book/src/ch99/step2.md";
    let text = ws.read(page).unwrap();
    ws.write(page, &(text + "\n{{#mutants chapter=ch99}}\n")).unwrap();
    let mutant = |name: &str, more: &str| {
        let change = "file = \"a.rs\"\nfind = \"a\"\nreplace = \"b\"\n";
        let toml = format!("shows = \"s\"\n{change}{more}\n");
        ws.write(&format!("ch99-fake/mutants/{name}.toml"), &toml).unwrap();
    };
    mutant("a", "title = \"says *no*\"\nkilled_by = \"nothing\"\nstates = 1234");
    mutant("b", "title = \"late\"\nscope = \"storms\"\nkilled_by = \"stuck\"\nseed = 7");
    mutant("c", "title = \"soon\"\nkilled_by = \"SOLD\"\nsteps = 3");
    let built = || {
        let site = dir.path().join("site");
        book::build(&ws, &site).map_err(|error| error.to_string())?;
        Ok::<_, String>(std::fs::read_to_string(site.join("ch99/step2.html")).unwrap())
    };
    let html = built().unwrap();
    let cells = html.replace(['\n', ' '], "");
    let rows = [
        "<td>soon</td><td></td><td>SOLD</td><td>3events</td>",
        "<td>late</td><td>storms</td><td>stuck</td><td>seed7</td>",
        "<td>says<em>no</em></td><td></td><td>nothing</td><td>1,234states</td>",
    ];
    let places: Vec<_> = rows.iter().map(|row| cells.find(row)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {html}");
    mutant("d", "killed_by = \"SOLD\"\nsteps = 3");
    let nameless = built().unwrap_err();
    assert!(nameless.contains("d.toml") && nameless.contains("no title"), "{nameless}");
}

#[test]
fn break_it_holds_a_whole_figure_for_pages_without_a_server() {
    let html = built("ch99/breakit.html");
    assert!(html.contains("data-path=\"0.3\""));
    assert!(html.contains("<div class=\"fallback\">") && html.contains("<svg class=\"spacetime\""));
}

#[test]
fn every_cell_of_a_matrix_has_a_sign_a_word_and_a_command() {
    let html = built("ch99/card.html");
    for words in ["✗ unsafe", "‖ stuck", "✓ ok", "~ slow"] {
        assert!(html.contains(words), "{words}");
    }
    assert_eq!(html.matches("<code>cargo guide explore").count(), 4);
}

#[test]
fn two_builds_are_equal_byte_for_byte() {
    assert_eq!(built("ch99/step1.html"), built("ch99/step1.html"));
}

#[test]
fn stock_mdbook_gets_the_same_pages_through_the_protocol() {
    let (dir, ws) = fake::book();
    let chapter = serde_json::json!({ "Chapter": {
        "name": "Half", "content": fake::PAGE, "number": null, "sub_items": [],
        "path": "ch99/step1.md", "source_path": "ch99/step1.md", "parent_names": [],
    }});
    let glossary = serde_json::json!({ "Chapter": {
        "name": "Glossary", "content": ws.read("book/src/glossary.md").unwrap(), "number": null, "sub_items": [],
        "path": "glossary.md", "source_path": "glossary.md", "parent_names": [],
    }});
    let context = serde_json::json!({
        "root": dir.path().join("book"), "config": {}, "renderer": "html", "mdbook_version": "0.5.4",
    });
    let input = serde_json::json!([context, { "items": [chapter, glossary] }]).to_string();
    let mut output = Vec::new();
    book::preprocess(&ws, &mut input.as_bytes(), &mut output).expect("answered");
    let output = String::from_utf8(output).unwrap();
    assert!(output.contains("Listing 99-1"), "{output}");
}
