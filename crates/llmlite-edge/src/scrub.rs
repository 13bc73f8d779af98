//! Takes out of Bedrock's words what is nobody else's business.

/// Replaces ARNs and account numbers (twelve digits): they say how the account is built.
pub(crate) fn scrub(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("arn:aws") {
        let (before, arn) = rest.split_at(at);
        clean.push_str(before);
        clean.push_str("[resource]");
        let end = arn
            .find(|c: char| c.is_whitespace() || "\"'`,;()[]{}<>".contains(c))
            .unwrap_or(arn.len());
        rest = arn.split_at(end).1;
    }
    clean.push_str(rest);
    hide_accounts(&clean)
}

fn hide_accounts(text: &str) -> String {
    const ACCOUNT_DIGITS: usize = 12;
    let mut clean = String::with_capacity(text.len());
    let mut digits = String::new();
    for c in text.chars().map(Some).chain([None]) {
        match c {
            Some(digit) if digit.is_ascii_digit() => digits.push(digit),
            other => {
                if digits.len() == ACCOUNT_DIGITS {
                    clean.push_str("[account]");
                } else {
                    clean.push_str(&digits);
                }
                digits.clear();
                clean.extend(other);
            }
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::scrub;

    #[test]
    #[rustfmt::skip]
    fn arns_and_account_numbers_are_taken_out_and_nothing_else() {
        let check = |text, want| assert_eq!(scrub(text), want);
        check("messages.0: text is empty", "messages.0: text is empty");
        check("role arn:aws:sts::123456789012:assumed-role/x/y is not", "role [resource] is not");
        check("\"arn:aws-us-gov:bedrock:eu-west-2::x\", twice arn:aws:a", "\"[resource]\", twice [resource]");
        check("account 123456789012.", "account [account].");
        check("12345678901 and 1234567890123", "12345678901 and 1234567890123");
        check("ends in 123456789012", "ends in [account]");
    }
}
