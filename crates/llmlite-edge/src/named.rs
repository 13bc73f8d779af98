//! Names of fields in a header of the answer, whatever a client called them.

/// Names beyond this are not written out.
const MOST: usize = 50;
/// Of a name, so many letters are.
const LONGEST: usize = 64;

/// The names in one header's value, separated by commas.
///
/// A field of a request can be called anything: what has no place in a header is left out.
pub(crate) fn list(names: &[impl AsRef<str>]) -> String {
    let mut shown: Vec<String> = names.iter().take(MOST).map(|n| name(n.as_ref())).collect();
    if names.len() > MOST {
        shown.push("...".to_owned());
    }
    shown.join(",")
}

fn name(text: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || "_.[]-".contains(*c);
    let shown: String = text.chars().filter(plain).take(LONGEST).collect();
    if shown.is_empty() {
        // It had no letter that can be shown, and yet there was a field.
        return "?".to_owned();
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn a_header_holds_the_names_and_nothing_that_could_break_it() {
        let check = |names: &[&str], want: &str| assert_eq!(list(names), want);
        check(&[],                                  "");
        check(&["seed"],                            "seed");
        check(&["seed", "messages[0].name", "a-b"], "seed,messages[0].name,a-b");
        check(&["x\r\nset-cookie: a=b", "ü,y z"],   "xset-cookieab,yz");
        check(&["é", "", "seed"],                   "?,?,seed");
        check(&[&"n".repeat(65)],                   &"n".repeat(64));
    }

    #[test]
    fn a_flood_of_names_is_cut() {
        let many = |count| list(&vec!["a"; count]);
        assert_eq!(many(50).matches('a').count(), 50);
        assert!(!many(50).contains("..."));
        assert!(many(51).ends_with(",a,..."));
        assert_eq!(many(100_000).len(), many(51).len());
    }
}
