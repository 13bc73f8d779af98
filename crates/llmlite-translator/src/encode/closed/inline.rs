//! A lone schema under `allOf`, which older generators wrap around a reference.

use std::collections::HashSet;

use super::Open;
use super::text::{Kind, Member, Node};

/// The fields, each once, with those of a lone schema under `allOf` in its place.
pub(super) fn inlined(fields: Vec<Member<'_>>) -> Result<Vec<Member<'_>>, Open> {
    let mut seen: HashSet<String> = HashSet::with_capacity(fields.len());
    if !fields
        .iter()
        .all(|field| seen.insert(field.key.to_string()))
    {
        return Err(Open::Malformed);
    }
    if seen.contains("anyOf") && seen.contains("oneOf") {
        return Err(Open::Word("oneOf beside anyOf"));
    }
    if !seen.contains("allOf") {
        return Ok(fields);
    }
    let mut all = Vec::with_capacity(fields.len());
    for field in fields {
        if field.key != "allOf" {
            all.push(field);
            continue;
        }
        for inner in lone(field.value)? {
            match (seen.insert(inner.key.to_string()), &*inner.key) {
                (true, word) if word != "allOf" => all.push(inner),
                (false, "title" | "description" | "default") => {}
                (true | false, _) => return Err(Open::Word("allOf")),
            }
        }
    }
    Ok(all)
}

/// The fields of the only schema in a list.
fn lone(list: Node<'_>) -> Result<Vec<Member<'_>>, Open> {
    let Kind::List(schemas) = list.kind else {
        return Err(Open::Malformed);
    };
    let mut schemas = schemas.into_iter().map(|schema| schema.kind);
    match (schemas.next(), schemas.next()) {
        (Some(Kind::Object(fields)), None) => Ok(fields),
        _ => Err(Open::Word("allOf")),
    }
}
