//! What is a fence, and that it does not matter how the text is cut.

use proptest::prelude::{Strategy, any, prop, prop_oneof, proptest};

use super::Fence;

fn stripped<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
    let mut fence = Fence::default();
    let mut text = String::new();
    for piece in pieces {
        text.push_str(&fence.push(piece.to_owned()));
    }
    text.push_str(&fence.finish());
    text
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(stripped([text]), want, "{text:?}");
    let pieces = text.split_inclusive(|_: char| true);
    assert_eq!(stripped(pieces), want, "{text:?}, one character at a time");
}

#[test]
#[rustfmt::skip]
fn one_fence_around_the_whole_answer_is_taken_off() {
    check("```json\n{\"a\":1}\n```",            "{\"a\":1}");
    check("```\n{\"a\":1}\n```",                "{\"a\":1}");
    check("\n  ```JSON  \r\n{}\r\n```\n\n",     "{}");
    check("```json {\"a\":1}```",               "{\"a\":1}");
    check("```[1]```",                          "[1]");
    check("```json\n{\"a\":\"`\"}\n```",        "{\"a\":\"`\"}");
    check("```json\n{\n \"a\": 1\n}\n\n```\n",  "{\n \"a\": 1\n}\n");
    check("```\n```",                           "");
}

#[test]
#[rustfmt::skip]
fn everything_else_stays_byte_for_byte() {
    check("",                                   "");
    check(" \n\t",                              " \n\t");
    check("{\"a\":1}\n",                        "{\"a\":1}\n");
    check("Here:\n```json\n{}\n```",            "Here:\n```json\n{}\n```");
    check("```python\n{}\n```",                 "```python\n{}\n```");
    check("```js\n{}\n```",                     "```js\n{}\n```");
    check("````\n{}\n````",                     "````\n{}\n````");
    check("```json",                            "```json");
    check("``",                                 "``");
    check("```json of yours",                   "```json of yours");
    check("{}\n```",                            "{}\n```");
}

#[test]
#[rustfmt::skip]
fn three_backquotes_in_the_middle_stay() {
    check("```json\n{\"a\":\"```\\n\"}\n```",   "{\"a\":\"```\\n\"}");
    check("```json\n{\"a\":\"\n```\nb\"}\n```", "{\"a\":\"\n```\nb\"}");
    check("```json\n{}\n```\nDone.",            "{}\n```\nDone.");
    check("```json\n{}\n````",                  "{}\n````");
    check("```json\n{}```````",                 "{}```````");
}

#[test]
fn a_cut_answer_loses_only_its_opening_fence() {
    check("```json\n{\"a\":\"b", "{\"a\":\"b");
    check("```json\n{\"a\":\n``", "{\"a\":\n``");
}

#[test]
fn an_answer_without_a_fence_waits_for_nothing() {
    let mut fence = Fence::default();
    assert_eq!(fence.push("{".to_owned()), "{");
    assert_eq!(fence.push("\n".to_owned()), "\n");
    assert_eq!(fence.push("```".to_owned()), "```");
}

#[test]
fn inside_a_fence_only_what_may_close_it_waits() {
    let mut fence = Fence::default();
    assert_eq!(fence.push("```json\n{\"a\":".to_owned()), "{\"a\":");
    assert_eq!(fence.push(" 1\n".to_owned()), " 1");
    assert_eq!(fence.push(" ,".to_owned()), "\n ,");
    assert_eq!(fence.push("``".to_owned()), "");
    assert_eq!(fence.push("x".to_owned()), "``x");
    assert_eq!(fence.push("`` ".to_owned()), "`` ");
}

#[test]
fn however_many_blanks_come_little_is_held_back() {
    for opening in ["", "```json", "```json\n{}\n```"] {
        let mut fence = Fence::default();
        let mut given = fence.push(opening.to_owned()).len();
        for _ in 0..10_000 {
            given += fence.push(" ".to_owned()).len();
        }
        assert!(given >= 9_000, "{opening:?}: {given}");
    }
}

/// Texts that are made of what fences are made of.
fn text() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        "[`]{1,4}",
        "[ \n\r\t]{1,3}",
        "(json|js|\\{|\\}|\\[|x)",
        " {200,300}"
    ];
    prop::collection::vec(word, 0..12)
}

proptest! {
    #[test]
    fn it_does_not_matter_how_the_text_is_cut(words in text(), fenced in any::<bool>()) {
        let opening = if fenced { "```json\n" } else { "" };
        let words: Vec<String> = [opening.to_owned()].into_iter().chain(words).collect();
        let text = words.concat();
        let whole = stripped([text.as_str()]);
        let by_word = stripped(words.iter().map(String::as_str));
        let by_char = stripped(text.split_inclusive(|_: char| true));
        assert_eq!(&whole, &by_word);
        assert_eq!(&whole, &by_char);
        assert!(text.contains(&whole), "{text:?} has {whole:?} in it");
    }
}
