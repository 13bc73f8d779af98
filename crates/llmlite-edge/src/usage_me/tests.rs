use std::time::UNIX_EPOCH;

use llmlite_core::ids::LimitId;
use serde_json::{Value, json};

use super::*;

/// 24 November 2026.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_478_400)
}

fn limit(form: Value) -> Limit {
    serde_json::from_value(form).unwrap()
}

fn standing(ceiling: Ceiling, used: i64, under_way: i64, left: Option<i64>) -> Standing {
    Standing {
        limit: LimitId(1),
        ceiling,
        used,
        under_way,
        left,
        frees: Frees::Never,
        age: left.map(|_| Duration::from_millis(800)),
    }
}

#[track_caller]
fn check(limit: Limit, standing: Standing, want: &Value) {
    let told = (limit, standing);
    let text = serde_json::to_string(&row(&told, now())).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), *want);
}

#[test]
fn a_budget_is_told_in_dollars_to_nine_places() {
    let team = limit(json!({
        "id": 1,
        "scope": { "subject": { "team": 31337 }, "model": "claude-opus-4-5" },
        "measure": { "budget": "month" },
        "ceiling": { "at": 20_000_000_000_i64 },
        "overdraft": 1_000_000_000,
        "raise": { "to": { "at": 30_000_000_000_i64 }, "until": "2026-12-24T00:00:00Z" },
    }));
    let stands = Standing {
        frees: Frees::At(UNIX_EPOCH + Duration::from_secs(1_796_083_200)),
        ..standing(
            Ceiling::At(30_000_000_000),
            12_503_219_384,
            2_000_000_000,
            Some(16_496_780_616),
        )
    };
    check(
        team,
        stands,
        &json!({
            "subject": "team", "model": "claude-opus-4-5",
            "measure": "budget", "period": "month", "unit": "usd",
            "limit": 30.0, "overdraft": 1.0, "raised_until": "2026-12-24T00:00:00Z", "enforced": true,
            "used": 12.503219384, "reserved": 2.0, "remaining": 16.496780616,
            "resets_at": "2026-12-01T00:00:00Z", "frees_in_seconds": null, "age_seconds": 1,
        }),
    );
}

#[test]
fn a_rate_is_told_in_units_and_says_when_more_is_free() {
    let key = limit(json!({
        "id": 1, "scope": { "subject": { "key": 31337 } },
        "measure": "tokens_per_minute", "ceiling": { "at": 100 }, "shadow": true,
        "raise": { "to": "unlimited", "until": "2026-11-23T00:00:00Z" },
    }));
    let stands = Standing {
        frees: Frees::In(Duration::from_millis(19_001)),
        ..standing(Ceiling::At(100), 40, 0, Some(60))
    };
    check(
        key,
        stands,
        &json!({
            "subject": "key", "model": null,
            "measure": "tokens_per_minute", "period": null, "unit": "tokens",
            "limit": 100, "raised_until": null, "enforced": false,
            "used": 40, "reserved": 0, "remaining": 60,
            "resets_at": null, "frees_in_seconds": 20, "age_seconds": 1,
        }),
    );
}

#[test]
fn what_nobody_knows_yet_is_null_and_so_is_a_ceiling_that_is_none() {
    let user = limit(json!({
        "id": 1, "scope": { "subject": { "user": 31337 } },
        "measure": "requests_per_minute", "ceiling": { "at": 5 },
    }));
    check(
        user,
        standing(Ceiling::At(5), 0, 0, None),
        &json!({
            "subject": "user", "model": null,
            "measure": "requests_per_minute", "period": null, "unit": "requests",
            "limit": 5, "raised_until": null, "enforced": true,
            "used": null, "reserved": null, "remaining": null,
            "resets_at": null, "frees_in_seconds": null, "age_seconds": null,
        }),
    );
    let everybody = limit(json!({
        "id": 1, "scope": { "subject": "organisation" },
        "measure": "parallel_requests", "ceiling": "unlimited",
    }));
    check(
        everybody,
        Standing {
            frees: Frees::In(Duration::from_secs(1)),
            age: Some(Duration::ZERO),
            ..standing(Ceiling::Unlimited, 3, 0, None)
        },
        &json!({
            "subject": "organisation", "model": null,
            "measure": "parallel_requests", "period": null, "unit": "requests",
            "limit": null, "raised_until": null, "enforced": true,
            "used": 3, "reserved": 0, "remaining": null,
            "resets_at": null, "frees_in_seconds": null, "age_seconds": 0,
        }),
    );
}
