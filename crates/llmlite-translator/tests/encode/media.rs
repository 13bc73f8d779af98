//! Pictures and files in messages.

use llmlite_translator::Model;
use serde_json::{Value, json};

use crate::{encoded, models, request, taken};

const PICTURE: &str =
    r#"{"type":"image_url","image_url":{"url":"data:image/jpg;base64,iVBORw0KGgoAAAANSUhEUg"}}"#;

fn user(parts: &str) -> String {
    request(&format!(r#"[{{"role":"user","content":[{parts}]}}]"#), "")
}

fn file(name: &str, data: &str) -> String {
    format!(r#"{{"type":"file","file":{{"filename":"{name}","file_data":"{data}"}}}}"#)
}

/// The blocks of the first turn.
#[track_caller]
fn blocks(model: &Model, parts: &str) -> Value {
    taken(model, &user(parts)).1["messages"][0]["content"].take()
}

const PDF: &str = "data:application/pdf;base64,JVBERi0xLjQK";

#[test]
fn a_picture_has_the_type_that_its_bytes_tell_and_is_counted() {
    let (encoded, body) = taken(&models::plain(), &user(&format!("{PICTURE},{PICTURE}")));
    let source = &body["messages"][0]["content"][1]["source"];
    let want =
        json!({ "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgoAAAANSUhEUg==" });
    assert_eq!((source, encoded.facts.images), (&want, 2));
    assert_eq!(
        encoded.facts.image_bytes,
        2 * "iVBORw0KGgoAAAANSUhEUg==".len()
    );
}

#[test]
fn a_picture_that_comes_as_a_file_is_still_a_picture() {
    let part = file("a.bin", "iVBORw0KGgoAAAANSUhEUg==");
    let (encoded, body) = taken(&models::plain(), &user(&part));
    assert_eq!(body["messages"][0]["content"][0]["type"], "image");
    assert_eq!(encoded.facts.images, 1);
}

#[test]
fn a_file_has_a_title_of_its_own_and_text_beside_it() {
    let parts = format!(
        "{},{}",
        file("a_b.pdf", PDF),
        file("a b.csv", "data:text/csv;base64,YSxi")
    );
    assert_eq!(
        blocks(&models::plain(), &parts),
        json!([
            { "type": "document", "title": "a b",
              "source": { "type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK" } },
            { "type": "document", "title": "a b 2",
              "source": { "type": "text", "media_type": "text/plain", "data": "a,b" } },
            { "type": "text", "text": "." },
        ])
    );
    let with_text = format!(r#"{},{{"type":"text","text":"read"}}"#, file("a.pdf", PDF));
    let blocks = blocks(&models::plain(), &with_text);
    assert_eq!(blocks.as_array().map(Vec::len), Some(2));
}

#[test]
fn an_empty_file_is_told_in_words() {
    for data in [
        "",
        " ",
        "data:text/plain;base64,",
        "data:text/plain;base64,ICAK",
    ] {
        let blocks = blocks(&models::plain(), &file("a.txt", data));
        assert_eq!(blocks, json!([{ "type": "text", "text": "(empty file)" }]));
    }
}

#[test]
fn anthropics_own_documents_and_pictures_are_read() {
    let parts = r#"{"type":"document","title":"T","source":{"type":"text","media_type":"text/plain","data":"words"}},
        {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0xLjQK"}},
        {"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"iVBORw0KGgoAAAANSUhEUg=="}}"#;
    let blocks = blocks(&models::plain(), parts);
    assert_eq!(blocks[0]["source"]["data"], "words");
    assert_eq!(blocks[1]["title"], "document 1");
    assert_eq!(blocks[2]["source"]["media_type"], "image/png");
}

/// Claude takes no files beside results.
#[test]
fn a_file_after_results_goes_into_a_turn_of_its_own() {
    let messages = format!(
        r#"[{{"role":"user","content":"a"}},{{"role":"assistant","tool_calls":[{{"id":"c","function":{{"name":"f"}}}}]}},
        {{"role":"tool","tool_call_id":"c","content":"r"}},
        {{"role":"user","content":[{{"type":"text","text":"before"}},{},{{"type":"text","text":"after"}}]}}]"#,
        file("a.pdf", PDF)
    );
    let (_, body) = taken(
        &models::budget(),
        &request(&messages, r#","reasoning_effort":"none""#),
    );
    let turns = body["messages"].as_array().expect("there are turns");
    let shape = |turn: &Value| {
        let blocks = turn["content"]
            .as_array()
            .expect("a turn has blocks")
            .iter();
        let kinds = blocks.map(|block| block["text"].as_str().or(block["type"].as_str()));
        let kinds: Vec<&str> = kinds
            .map(|kind| kind.expect("a block has a type"))
            .collect();
        format!(
            "{}: {}",
            turn["role"].as_str().expect("a role"),
            kinds.join(" ")
        )
    };
    let shapes: Vec<String> = turns.iter().skip(2).map(shape).collect();
    assert_eq!(
        shapes,
        [
            "user: tool_result before",
            "assistant: .",
            "user: document after"
        ]
    );
}

#[test]
fn a_result_may_hold_pictures_and_files() {
    let messages = format!(
        r#"[{{"role":"user","content":"a"}},{{"role":"assistant","tool_calls":[{{"id":"c","function":{{"name":"f"}}}}]}},
        {{"role":"tool","tool_call_id":"c","content":[{PICTURE},{}]}}]"#,
        file("a.pdf", PDF)
    );
    let (encoded, body) = taken(&models::plain(), &request(&messages, ""));
    let turn = &body["messages"][2]["content"];
    assert_eq!(turn.as_array().map(Vec::len), Some(1));
    assert_eq!(turn[0]["content"][0]["type"], "image");
    assert_eq!(turn[0]["content"][1]["title"], "a");
    assert_eq!((encoded.facts.images, encoded.facts.pdfs), (1, 1));
}

#[test]
fn only_files_with_pages_are_counted_as_such() {
    let pdfs = |parts: &str| taken(&models::plain(), &user(parts)).0.facts.pdfs;
    let text = file("a.csv", "data:text/csv;base64,YSxi");
    assert_eq!(pdfs(&format!("{text},{PICTURE}")), 0);
    assert_eq!(pdfs(&format!("{0},{text},{0}", file("a.pdf", PDF))), 2);
}

#[track_caller]
fn refuse(model: &Model, part: &str, param: &str, text: &str) {
    let error = encoded(model, &user(part)).expect_err(part);
    assert_eq!(error.param(), Some(param), "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

#[test]
#[rustfmt::skip]
fn what_cannot_be_read_is_refused_with_what_to_do() {
    let plain = models::plain();
    let blind = Model { vision: false, pdf: false, ..models::plain() };
    let data = "messages[0].content[0].file.file_data";
    let url = "messages[0].content[0].image_url.url";
    let image = |url: &str| format!(r#"{{"type":"image_url","image_url":{{"url":"{url}"}}}}"#);
    let huge = format!("data:image/png;base64,iVBORw0KGgoA{}", "A".repeat(5_242_880 - 8));
    refuse(&plain, &file("a.docx", "UEsDBBQAAAA="),              data, "Word files are not read");
    refuse(&plain, &file("a.XLS", "0M8R4KGxGuE="),               data, "Excel files are not read");
    refuse(&plain, &file("a.bin", "UEsDBBQAAAD/"),               data, "neither PDF nor text");
    refuse(&plain, &file("a.docx", "/////w=="),                  data, "neither PDF nor text");
    refuse(&plain, &file("a.pdf", "https://example.com/a.pdf"),  data, "remote files are not fetched");
    refuse(&plain, &file("a.pdf", "!"),                          data, "base64");
    refuse(&plain, r#"{"type":"file","file":{"file_id":"f"}}"#,  "messages[0].content[0].file.file_id", "stored files are not supported");
    refuse(&plain, &image("https://example.com/a.png"),          url, "remote images are not fetched");
    refuse(&plain, &image("data:image/svg+xml,%3Csvg%3E"),       url, "convert it first");
    refuse(&plain, &image(&huge),                                url, "at most 5242880 are taken");
    refuse(&plain, r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"PHN2Zz4="}}"#, "messages[0].content[0].source.data", "convert it first");
    refuse(&blind, PICTURE,                                      "messages[0].content[0]", "reads only text");
    refuse(&blind, &file("a", "iVBORw0KGgoAAAANSUhEUg=="),       "messages[0].content[0]", "reads only text");
    refuse(&blind, &file("a.pdf", PDF),                          "messages[0].content[0]", "does not read PDF");
}

#[test]
fn a_large_picture_is_taken_up_to_the_limit() {
    let most = format!(
        "data:image/png;base64,iVBORw0KGgoA{}",
        "A".repeat(5_242_880 - 12)
    );
    let part = format!(r#"{{"type":"image_url","image_url":{{"url":"{most}"}}}}"#);
    assert!(encoded(&models::plain(), &user(&part)).is_ok());
}
