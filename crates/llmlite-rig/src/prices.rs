//! What the catalogue's published prices make of a line of the bill, worked out anew.

use std::collections::HashMap;

use llmlite_bedrock_sim::BillLine;
use serde_json::Value;

use crate::{Failure, Programs};

/// Prices by Bedrock's model id, in picodollars per token.
#[derive(Debug)]
pub(crate) struct Prices(HashMap<String, Price>);

#[derive(Debug)]
struct Price {
    usual: List,
    /// For all tokens of a request with more input than this.
    long: Option<(u128, List)>,
}

#[derive(Debug)]
struct List {
    input: u128,
    output: u128,
    cache_read: u128,
    cache_write_5m: u128,
    cache_write_1h: u128,
}

impl Prices {
    /// Reads them from the catalogue, as the admin program shows it.
    pub(crate) async fn read(programs: &Programs, database: &str) -> Result<Self, Failure> {
        let shown = programs.admin(database, &["model", "list"]).await?;
        Self::of(&shown).ok_or_else(|| "the catalogue has an unknown form".into())
    }

    fn of(catalogue: &Value) -> Option<Self> {
        let models = catalogue.get("models").unwrap_or(catalogue).as_array()?;
        let routes = models.iter().map(|model| model.get("routes")?.as_object());
        let mut prices = HashMap::new();
        for routes in routes.collect::<Option<Vec<_>>>()? {
            for route in routes.values() {
                let id = route.get("id")?.as_str()?.to_owned();
                prices.insert(id, Price::of(route.get("prices")?)?);
            }
        }
        Some(Self(prices))
    }

    /// What a line costs, in nanodollars: whole, with what is left of one counted as one.
    pub(crate) fn cost(&self, line: &BillLine) -> Result<i64, Failure> {
        let price = self.0.get(&line.model);
        let price =
            price.ok_or_else(|| format!("the catalogue has no price for {}", line.model))?;
        let written_5m = line.cache_write_tokens - line.cache_write_1h_tokens;
        let all = line.input_tokens + line.cache_read_tokens + line.cache_write_tokens;
        let list = match &price.long {
            Some((above, list)) if u128::from(all) > *above => list,
            _ => &price.usual,
        };
        let picodollars = u128::from(line.input_tokens) * list.input
            + u128::from(line.output_tokens) * list.output
            + u128::from(line.cache_read_tokens) * list.cache_read
            + u128::from(written_5m) * list.cache_write_5m
            + u128::from(line.cache_write_1h_tokens) * list.cache_write_1h;
        Ok(i64::try_from(picodollars.div_ceil(1_000))?)
    }
}

impl Price {
    fn of(value: &Value) -> Option<Self> {
        let long = match value.get("long_context") {
            Some(long) if !long.is_null() => Some((
                long.get("above_input_tokens")?.as_u64()?.into(),
                List::of(long)?,
            )),
            _ => None,
        };
        Some(Self {
            usual: List::of(value)?,
            long,
        })
    }
}

impl List {
    fn of(value: &Value) -> Option<Self> {
        let price = |name| value.get(name)?.as_u64().map(u128::from);
        Some(Self {
            input: price("input")?,
            output: price("output")?,
            cache_read: price("cache_read")?,
            cache_write_5m: price("cache_write_5m")?,
            cache_write_1h: price("cache_write_1h")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(input: u64, output: u64, read: u64, write: [u64; 2], want: i64) {
        let list = |factor: u64| {
            json!({"input": 3_000_000 * factor, "output": 15_000_001 * factor, "cache_read": 300_000 * factor,
                   "cache_write_5m": 3_750_000 * factor, "cache_write_1h": 6_000_000 * factor})
        };
        let mut prices = list(1);
        prices["long_context"] = list(2);
        prices["long_context"]["above_input_tokens"] = 1_000.into();
        let catalogue = json!([{"name": "m", "routes": {"eu": {"id": "eu.m", "prices": prices}}}]);
        let line = BillLine {
            request_id: String::new(),
            begun_at_ms: 0,
            model: "eu.m".to_owned(),
            metadata: None,
            tag: None,
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: read,
            cache_write_tokens: write.iter().sum(),
            cache_write_1h_tokens: write[1],
            streamed: false,
            complete: true,
        };
        assert_eq!(Prices::of(&catalogue).unwrap().cost(&line).unwrap(), want);
    }

    #[test]
    #[rustfmt::skip]
    fn each_kind_of_token_has_its_price_and_a_started_nanodollar_counts() {
        //    in    out  read  5m   1h      nanodollars
        check(0,    0,   0,   [0,   0],           0);
        check(1,    0,   0,   [0,   0],       3_000);
        check(0,    1,   0,   [0,   0],      15_001);
        check(0, 1_000,  0,   [0,   0],  15_000_001);
        check(0,    0, 100,   [0,   0],      30_000);
        check(0,    0,   0,   [10, 10],      97_500);
        check(990,  1,   0,   [5,   5],   3_033_751);
        check(991,  1,   0,   [5,   5],   6_073_501);
    }
}
