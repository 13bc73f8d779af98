//! Which text is inside, and that it does not matter how the arguments are cut.

use proptest::prelude::{any, prop, proptest};

use super::Unwrapper;

fn unwrapped<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
    let mut inside = Unwrapper::default();
    let mut text = String::new();
    for piece in pieces {
        text.push_str(&inside.push(piece));
    }
    text.push_str(&inside.finish());
    text
}

#[track_caller]
fn check(arguments: &str, want: &str) {
    assert_eq!(unwrapped([arguments]), want, "{arguments}");
    let pieces = arguments.split_inclusive(|_: char| true);
    assert_eq!(
        unwrapped(pieces),
        want,
        "{arguments}, one character at a time"
    );
}

#[test]
#[rustfmt::skip]
fn the_text_is_taken_out() {
    check(r#"{"input":"a b"}"#,                         "a b");
    check(r#"{"input":""}"#,                            "");
    check("\n{ \"input\" :\t\"a\" \r\n} ",              "a");
    check(r#"{"input":"\"\\\/\n\t\r\b\f"}"#,            "\"\\/\n\t\r\u{8}\u{c}");
    check(r#"{"input":"\u00e9\u20AC\ud83d\ude00x"}"#,   "é€😀x");
    check(r#"{"input":"é😀{}\u0000"}"#,                 "é😀{}\0");
    check("{}",                                         "");
    check(" { } ",                                      "");
    check("",                                           "");
}

#[test]
#[rustfmt::skip]
fn half_a_character_becomes_the_sign_for_it() {
    check(r#"{"input":"a\ud83db"}"#,                    "a\u{FFFD}b");
    check(r#"{"input":"\ud83d"}"#,                      "\u{FFFD}");
    check(r#"{"input":"\ude00"}"#,                      "\u{FFFD}");
    check(r#"{"input":"\ud83d\n"}"#,                    "\u{FFFD}\n");
    check(r#"{"input":"\ud83d\ud83d\ude00"}"#,          "\u{FFFD}😀");
    check(r#"{"input":"\ud83d\u0041"}"#,                "\u{FFFD}A");
}

#[test]
#[rustfmt::skip]
fn nothing_is_lost_of_what_has_another_form() {
    check(r#"{"other":"a"}"#,                           r#"{"other":"a"}"#);
    check(r#"{"input":7}"#,                             r#"{"input":7}"#);
    check(r#"{"inputs":"a"}"#,                          r#"{"inputs":"a"}"#);
    check(r#"{"in put":"a"}"#,                          r#"{"in put":"a"}"#);
    check(r#"["a"]"#,                                   r#"["a"]"#);
    check("plain text",                                 "plain text");
    check("{}x",                                        "{}x");
    check(r#"{"input":"a","b":1}"#,                     r#"a","b":1}"#);
    check(r#"{"input":"a"}{"input":"b"}"#,              r#"a{"input":"b"}"#);
    check(r#"{"input":"a\x\u12g4b"}"#,                  r"a\x\u12g4b");
}

#[test]
#[rustfmt::skip]
fn cut_arguments_give_what_is_there() {
    check(r#"{"inp"#,                                   r#"{"inp"#);
    check(r#"{"input":"cut"#,                           "cut");
    check(r#"{"input":"cut\"#,                          "cut");
    check(r#"{"input":"cut\u00"#,                       "cut");
    check(r#"{"input":"cut\ud83d\ude"#,                 "cut\u{FFFD}");
    check(r#"{"input":"cut""#,                          "cut");
}

#[test]
fn the_text_is_given_as_it_arrives() {
    let mut inside = Unwrapper::default();
    assert_eq!(inside.push(r#"{"inp"#), "");
    assert_eq!(inside.push(r#"ut":"one "#), "one ");
    assert_eq!(inside.push(r"two\"), "two");
    assert_eq!(inside.push("n"), "\n");
}

/// JSON text of a string, with some of its characters escaped by number.
fn quoted(text: &str, escapes: &[bool]) -> String {
    let mut json = String::from("\"");
    for (at, char) in text.chars().enumerate() {
        if escapes.get(at) == Some(&true) {
            for unit in char.encode_utf16(&mut [0; 2]) {
                json.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            let plain = serde_json::to_string(&char.to_string()).expect("a text is JSON");
            let inside = plain
                .strip_prefix('"')
                .and_then(|plain| plain.strip_suffix('"'));
            json.push_str(inside.expect("a text is quoted"));
        }
    }
    json.push('"');
    json
}

proptest! {
    #[test]
    fn any_text_comes_out_as_it_went_in(
        text in "\\PC*|[\"\\\\\n\u{0}\u{1F600}é ]{0,20}",
        escapes in prop::collection::vec(any::<bool>(), 0..20),
        cuts in prop::collection::vec(any::<bool>(), 0..80),
    ) {
        let arguments = format!("{{\"input\":{}}}", quoted(&text, &escapes));
        let mut cuts = cuts.into_iter();
        let pieces = arguments.split_inclusive(|_: char| cuts.next().unwrap_or_default());
        assert_eq!(unwrapped(pieces), text);
    }

    #[test]
    fn arguments_of_another_form_come_out_whole(arguments in "[\\[\\]0-9a-z{},: ]{0,20}") {
        let pieces = arguments.split_inclusive(|_: char| true);
        let compact: String = arguments.split_ascii_whitespace().collect();
        let want = if compact == "{}" { "" } else { &arguments };
        assert_eq!(unwrapped(pieces), want);
    }
}
