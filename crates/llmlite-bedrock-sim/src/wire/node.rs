//! A JSON value that knows its place in the body, for messages such as
//! `messages.0.content.1.text: Field required`.

use std::fmt::{self, Display};

use serde_json::{Map, Value};

use crate::error::Refusal;

/// A value with its path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'v, 'p> {
    pub(crate) value: &'v Value,
    path: Path<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl<'v, 'p> Node<'v, 'p> {
    pub(crate) fn root(value: &'v Value) -> Self {
        Self {
            value,
            path: Path::Root,
        }
    }

    /// The refusal of this value.
    pub(crate) fn refuse(&self, message: impl Display) -> Refusal {
        Refusal::validation(match self.path {
            Path::Root => message.to_string(),
            _ => format!("{}: {message}", self.path),
        })
    }

    /// A field of an object; a null counts as present.
    pub(crate) fn get<'s>(&'s self, key: &'s str) -> Option<Node<'v, 's>> {
        let value = self.value.get(key)?;
        Some(Node {
            value,
            path: Path::Key(&self.path, key),
        })
    }

    pub(crate) fn required<'s>(&'s self, key: &'s str) -> Result<Node<'v, 's>, Refusal> {
        self.get(key).ok_or_else(|| {
            let absent = Node {
                value: self.value,
                path: Path::Key(&self.path, key),
            };
            absent.refuse("Field required")
        })
    }

    pub(crate) fn required_text(&self, key: &str) -> Result<&'v str, Refusal> {
        self.required(key)?.text()
    }

    pub(crate) fn text(&self) -> Result<&'v str, Refusal> {
        self.value
            .as_str()
            .ok_or_else(|| self.refuse("Input should be a valid string"))
    }

    pub(crate) fn boolean(&self) -> Result<bool, Refusal> {
        self.value
            .as_bool()
            .ok_or_else(|| self.refuse("Input should be a valid boolean"))
    }

    /// A whole number of at least `least`.
    pub(crate) fn integer(&self, least: u64) -> Result<u64, Refusal> {
        let number = self
            .value
            .as_i64()
            .ok_or_else(|| self.refuse("Input should be a valid integer"))?;
        let number = u64::try_from(number).ok().filter(|number| *number >= least);
        number.ok_or_else(|| {
            self.refuse(format_args!(
                "Input should be greater than or equal to {least}"
            ))
        })
    }

    /// A number between 0 and 1.
    pub(crate) fn share(&self) -> Result<f64, Refusal> {
        let number = self
            .value
            .as_f64()
            .ok_or_else(|| self.refuse("Input should be a valid number"))?;
        match number {
            ..0.0 => Err(self.refuse("Input should be greater than or equal to 0")),
            0.0..=1.0 => Ok(number),
            _ => Err(self.refuse("Input should be less than or equal to 1")),
        }
    }

    pub(crate) fn object(&self) -> Result<&'v Map<String, Value>, Refusal> {
        self.value
            .as_object()
            .ok_or_else(|| self.refuse("Input should be a valid dictionary"))
    }

    /// The items of a list.
    pub(crate) fn list<'s>(&'s self) -> Result<impl Iterator<Item = Node<'v, 's>>, Refusal> {
        let list = self
            .value
            .as_array()
            .ok_or_else(|| self.refuse("Input should be a valid list"))?;
        let path = &self.path;
        let node = move |(nth, value)| Node {
            value,
            path: Path::Item(path, nth),
        };
        Ok(list.iter().enumerate().map(node))
    }

    /// Refuses fields that nobody knows.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let unknown = self
            .object()?
            .keys()
            .find(|key| !known.contains(&key.as_str()));
        unknown.map_or(Ok(()), |key| {
            let extra = Node {
                value: self.value,
                path: Path::Key(&self.path, key),
            };
            Err(extra.refuse("Extra inputs are not permitted"))
        })
    }

    /// The one field of a union, which no second one may accompany.
    pub(crate) fn variant<'s>(&'s self) -> Result<(&'v str, Node<'v, 's>), Refusal>
    where
        'v: 's,
    {
        let fields = self.object()?;
        let mut keys = fields.keys();
        match (keys.next(), keys.next()) {
            (Some(key), None) => Ok((key, self.required(key)?)),
            (first, _) => {
                let how_many = if first.is_some() {
                    "more than one member"
                } else {
                    "no member"
                };
                Err(self.refuse(format_args!(
                    "The union has {how_many} set, expected exactly one"
                )))
            }
        }
    }

    /// A name of 1 to `most` ASCII letters, digits and characters of `others`.
    pub(crate) fn name(&self, others: &str, most: usize) -> Result<&'v str, Refusal> {
        let text = self.text()?;
        let fits = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        match !text.is_empty() && text.len() <= most && text.chars().all(fits) {
            true => Ok(text),
            false => Err(self.refuse(format_args!(
                "String should match pattern '^[a-zA-Z0-9{others}]{{1,{most}}}$'"
            ))),
        }
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => write!(f, "{key}"),
            Self::Item(Self::Root, nth) => write!(f, "{nth}"),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Item(parent, nth) => write!(f, "{parent}.{nth}"),
        }
    }
}
