//! Which package leans on which, as `cargo metadata` tells it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
};

use serde_json::Value;

/// The packages of the workspace and all they depend on at run time.
///
/// Development and build dependencies are left out, because they are in no binary; only the names of
/// the former are kept.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// The packages of the workspace, by name.
    pub(crate) members: BTreeSet<String>,
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
    /// What a package needs to build its tests, examples and benchmarks.
    for_tests: BTreeMap<String, Vec<String>>,
    ids: BTreeMap<String, String>,
}

impl Graph {
    /// Reads the output of `cargo metadata --format-version 1`.
    ///
    /// # Errors
    ///
    /// When it does not have the published shape.
    pub(crate) fn read(metadata: &Value) -> io::Result<Self> {
        let mut graph = Self::default();
        for package in array(metadata, "/packages")? {
            let id = text(package, "/id")?;
            graph.names.insert(id, text(package, "/name")?);
        }
        for id in array(metadata, "/workspace_members")? {
            let id = id.as_str().unwrap_or_default().to_owned();
            let name = graph.name(&id);
            graph.members.insert(name.clone());
            graph.ids.insert(name, id);
        }
        for node in array(metadata, "/resolve/nodes")? {
            let (mut leans_on, mut for_tests) = (Vec::new(), Vec::new());
            for dependency in array(node, "/deps")? {
                for kind in array(dependency, "/dep_kinds")? {
                    match kind.get("kind").and_then(Value::as_str) {
                        // A normal dependency has no kind.
                        None => leans_on.push(text(dependency, "/pkg")?),
                        Some("dev") => for_tests.push(text(dependency, "/pkg")?),
                        Some(_) => {}
                    }
                }
            }
            graph.edges.insert(text(node, "/id")?, leans_on);
            graph.for_tests.insert(text(node, "/id")?, for_tests);
        }
        Ok(graph)
    }

    /// What the workspace package of that name names in its own manifest.
    pub(crate) fn direct(&self, member: &str) -> Vec<String> {
        let Some(id) = self.ids.get(member) else {
            return Vec::new();
        };
        self.below(id).iter().map(|id| self.name(id)).collect()
    }

    /// The shortest way from a workspace package to each package that it reaches, itself not
    /// included: `[member, ..., reached]`.
    pub(crate) fn ways(&self, member: &str) -> Vec<Vec<String>> {
        let Some(start) = self.ids.get(member) else {
            return Vec::new();
        };
        self.walk(vec![vec![start.clone()]])
    }

    /// The same, from what the package's tests, examples and benchmarks need besides.
    pub(crate) fn ways_of_tests(&self, member: &str) -> Vec<Vec<String>> {
        let Some(start) = self.ids.get(member) else {
            return Vec::new();
        };
        let needed = self.for_tests.get(start).map_or(&[][..], Vec::as_slice);
        let first = needed.iter().map(|id| vec![start.clone(), id.clone()]);
        self.walk(first.collect())
    }

    fn walk(&self, first: Vec<Vec<String>>) -> Vec<Vec<String>> {
        let mut seen: BTreeSet<String> = first.iter().flatten().cloned().collect();
        let mut queue = VecDeque::from(first);
        let mut ways = Vec::new();
        while let Some(way) = queue.pop_front() {
            let Some(last) = way.last() else { continue };
            for next in self.below(last) {
                if seen.insert(next.clone()) {
                    let mut longer = way.clone();
                    longer.push(next.clone());
                    queue.push_back(longer);
                }
            }
            ways.push(way.iter().map(|id| self.name(id)).collect());
        }
        ways.retain(|way: &Vec<String>| way.len() > 1);
        ways
    }

    fn below(&self, id: &str) -> &[String] {
        self.edges.get(id).map_or(&[], Vec::as_slice)
    }

    fn name(&self, id: &str) -> String {
        self.names.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }
}

fn array<'v>(value: &'v Value, pointer: &str) -> io::Result<&'v Vec<Value>> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .ok_or_else(|| io::Error::other(format!("cargo metadata has no list {pointer}")))
}

fn text(value: &Value, pointer: &str) -> io::Result<String> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(ToOwned::to_owned)
        .ok_or_else(|| io::Error::other(format!("cargo metadata has no text {pointer}")))
}
