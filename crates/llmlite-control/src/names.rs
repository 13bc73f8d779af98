//! What may be a name or an address. The portal and the tables show them, so they hold no
//! control characters.

use crate::ControlError;

const MAX_NAME_CHARS: usize = 100;
const MAX_EMAIL_CHARS: usize = 254;

/// The name without the spaces around it.
pub(crate) fn name<'a>(what: &str, text: &'a str) -> Result<&'a str, ControlError> {
    let text = text.trim();
    if text.is_empty() {
        return invalid(format!("the {what}'s name is empty"));
    }
    if text.chars().count() > MAX_NAME_CHARS {
        return invalid(format!(
            "the {what}'s name is longer than {MAX_NAME_CHARS} characters"
        ));
    }
    if text.chars().any(char::is_control) {
        return invalid(format!("the {what}'s name holds a control character"));
    }
    Ok(text)
}

/// The address in lower case, without the spaces around it.
pub(crate) fn email(text: &str) -> Result<String, ControlError> {
    let email = text.trim().to_lowercase();
    let parts: Vec<_> = email.split('@').collect();
    let well_formed = matches!(parts.as_slice(), [local, domain] if !local.is_empty() && !domain.is_empty())
        && email.chars().count() <= MAX_EMAIL_CHARS
        && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if well_formed {
        Ok(email)
    } else {
        invalid(format!(
            "{text:?} is not an e-mail address: it takes the form name@example.com"
        ))
    }
}

fn invalid<T>(text: String) -> Result<T, ControlError> {
    Err(ControlError::Invalid(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_name(text: &str, want: Option<&str>) {
        assert_eq!(name("team", text).ok(), want, "{text:?}");
    }

    #[test]
    #[rustfmt::skip]
    fn a_name_is_trimmed_and_one_that_cannot_be_shown_is_refused() {
        check_name("alpha",            Some("alpha"));
        check_name("  R&D, London  ",  Some("R&D, London"));
        check_name("équipe",           Some("équipe"));
        check_name(&"é".repeat(100),   Some(&"é".repeat(100)));
        check_name(&"é".repeat(101),   None);
        check_name("",                 None);
        check_name(" \t ",             None);
        check_name("al\u{1b}[31mpha",  None);
    }

    #[track_caller]
    fn check_email(text: &str, want: Option<&str>) {
        assert_eq!(email(text).ok().as_deref(), want, "{text:?}");
    }

    #[test]
    #[rustfmt::skip]
    fn an_address_is_put_in_lower_case_and_checked_for_its_form() {
        check_email("ada@example.com",      Some("ada@example.com"));
        check_email(" Ada@Example.COM ",    Some("ada@example.com"));
        check_email("ci-bot@localhost",     Some("ci-bot@localhost"));
        check_email("ada",                  None);
        check_email("@example.com",         None);
        check_email("ada@",                 None);
        check_email("a@b@c",                None);
        check_email("ada l@example.com",    None);
        check_email(&format!("{}@example.com", "a".repeat(250)), None);
    }
}
