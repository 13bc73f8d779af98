//! Limits over a store in memory, at a time that the test decides.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing helper fails its test"
)]

use std::{sync::Arc, time::SystemTime};

use llmlite_control::{
    ControlError,
    explain::{self, Explanation, Question, Verdict},
    limits::{self, Desk, Done, LimitOrder, LimitPlan, Plan},
    standings,
    subjects::Who,
    teams, users,
    views::{ChangeView, ExplanationView, ReportView},
};
use llmlite_core::{
    catalogue::{Catalogue, Residency, ResidencyPolicy, ServedCatalogue},
    ids::KeyId,
    limits::{Ceiling, Durability, Fit, LimitSetting, Measure, Member, Period, Subject},
    ports::{StoreError, directory::Directory, limits::LimitDirectory},
};
use llmlite_testkit::{
    ManualClock, MemoryStore,
    build::{a_key, a_new_key, at, only},
};
use serde_json::json;

/// 2026-11-24T12:00:00Z, a Tuesday.
const NOW: u64 = 1_795_521_600;

const ALPHA: Who<'static> = Who::Team("alpha");
const KEY: Who<'static> = Who::Key(KeyId(1));

struct Office {
    store: MemoryStore,
    clock: ManualClock,
    catalogue: Catalogue,
    noted: std::sync::Mutex<Vec<String>>,
}

/// Key 1 of ada, who is in team alpha.
async fn office() -> Office {
    let store = MemoryStore::new(Arc::new(ManualClock::at(NOW)));
    teams::create(&store, "alpha").await.unwrap();
    let ada = users::create(&store, "ada@example.com", Some("alpha"));
    let mut key = a_new_key(&a_key().0);
    key.user = Some(ada.await.unwrap().id);
    store.create_key(&key).await.unwrap();
    Office {
        store,
        clock: ManualClock::at(NOW),
        catalogue: Catalogue::embedded(),
        noted: std::sync::Mutex::default(),
    }
}

impl Office {
    fn desk(&self) -> Desk<'_> {
        Desk {
            directory: &self.store,
            limits: &self.store,
            clock: &self.clock,
            catalogue: &self.catalogue,
        }
    }

    async fn plan(&self, who: Who<'_>, order: &LimitOrder) -> Result<Plan, ControlError> {
        limits::plan(self.desk(), who, order).await
    }

    async fn carry_out(&self, plan: &Plan) -> Result<Vec<LimitPlan>, ControlError> {
        let mut note = |done: Done<'_>| {
            let word = match done {
                Done::Limits(plans) => format!("{} limits", plans.len()),
                Done::Models(..) => "models".to_owned(),
                Done::Expiry(..) => "expiry".to_owned(),
            };
            self.noted.lock().unwrap().push(word);
        };
        limits::carry_out(self.desk(), plan, &mut note).await
    }

    async fn set(&self, who: Who<'_>, order: LimitOrder) -> Vec<LimitPlan> {
        let plan = self.plan(who, &order).await.unwrap();
        self.carry_out(&plan).await.unwrap()
    }

    async fn limits(&self, subject: Subject) -> Vec<LimitSetting> {
        self.store.limits(subject).await.unwrap()
    }

    async fn explain(&self, model: &str, size: (u64, u32)) -> Explanation {
        let policy = ResidencyPolicy {
            default: Residency::InRegion,
            per_model: [].into(),
        };
        let served = ServedCatalogue::new(&self.catalogue, &policy, "eu-west-2").unwrap();
        let question = Question {
            key: KeyId(1),
            model,
            input_tokens: Some(size.0),
            max_tokens: Some(size.1),
            served: &served,
        };
        explain::explain(self.desk(), question).await.unwrap()
    }
}

fn budget(text: &str) -> LimitOrder {
    LimitOrder {
        budgets: vec![text.to_owned()],
        ..LimitOrder::default()
    }
}

fn rpm(text: &str) -> LimitOrder {
    LimitOrder {
        rpm: Some(text.to_owned()),
        ..LimitOrder::default()
    }
}

fn change(name: &str) -> LimitOrder {
    LimitOrder {
        change: vec![name.to_owned()],
        ..LimitOrder::default()
    }
}

fn day(date: &str) -> SystemTime {
    llmlite_control::dates::expiry(date, at(NOW)).unwrap()
}

#[tokio::test]
async fn a_plan_changes_nothing_and_what_it_does_not_name_stays() {
    let office = office().await;
    let first = LimitOrder {
        warn_at: Some("80,50".to_owned()),
        fit: Some(Fit::Clamp),
        durability: Some(Some(Durability::Sync)),
        overdraft: Some("5".to_owned()),
        ..budget("500/month")
    };
    let plan = office.plan(ALPHA, &first).await.unwrap();
    let team = plan.family.own.subject;
    assert_eq!(office.limits(team).await, []);
    office.carry_out(&plan).await.unwrap();

    let raise = LimitOrder {
        raise_until: Some("2027-07-01".to_owned()),
        shadow: Some(true),
        ..budget("unlimited/month")
    };
    office.set(ALPHA, raise).await;
    office.set(ALPHA, budget("$600/month")).await;

    let [setting] = office.limits(team).await.try_into().unwrap();
    let limit = &setting.limit;
    assert_eq!(limit.measure, Measure::Budget(Period::Month));
    assert_eq!(limit.ceiling, Ceiling::At(600_000_000_000));
    let raise = limit.raise.unwrap();
    assert_eq!(
        (raise.to, raise.until),
        (Ceiling::Unlimited, day("2027-06-30T23:00:00Z"))
    );
    assert_eq!(
        (limit.fit, limit.shadow, limit.overdraft.0),
        (Fit::Clamp, true, 5_000_000_000)
    );
    assert_eq!(limit.thresholds.len(), 2);
    assert_eq!(limit.durability, Some(Durability::Sync));

    let ended = LimitOrder {
        end_raise: true,
        shadow: Some(false),
        warn_at: Some("none".to_owned()),
        durability: Some(None),
        ..change("budget/month")
    };
    office.set(ALPHA, ended).await;
    let limit = &office.limits(team).await[0].limit;
    assert_eq!(
        (limit.raise, limit.shadow, limit.thresholds.len()),
        (None, false, 0)
    );
    assert_eq!(limit.durability, None);
    assert_eq!(limit.ceiling, Ceiling::At(600_000_000_000));
}

#[tokio::test]
async fn a_raise_that_is_over_is_forgotten_when_its_limit_is_changed() {
    let office = office().await;
    office.set(ALPHA, rpm("5")).await;
    let raise = LimitOrder {
        raise_until: Some("1h".to_owned()),
        ..rpm("9")
    };
    office.set(ALPHA, raise).await;
    office.clock.advance(std::time::Duration::from_secs(3_600));

    let plan = office.plan(ALPHA, &rpm("5")).await.unwrap();

    assert!(plan.is_empty(), "{plan:?}");
    assert_eq!(plan.limits[0].after.as_ref().unwrap().limit.raise, None);
}

#[tokio::test]
async fn a_default_is_left_for_an_own_limit_with_the_rest_of_its_settings() {
    let office = office().await;
    let default = LimitOrder {
        each: Some(Member::Key),
        warn_at: Some("90".to_owned()),
        ..budget("20/day")
    };
    office.set(ALPHA, default).await;

    let kept = LimitOrder {
        shadow: Some(false),
        ..change("budget/day")
    };
    let plan = office.plan(KEY, &kept).await.unwrap();
    assert!(plan.is_empty(), "it goes on following its default");

    let [own] = office.set(KEY, budget("30/day")).await.try_into().unwrap();
    assert!(own.leaves_default());
    let setting = own.after.unwrap();
    assert_eq!(setting.inherited_from, None);
    assert_eq!(setting.limit.thresholds.len(), 1);

    let remove = LimitOrder {
        remove: vec!["budget/day".to_owned()],
        ..LimitOrder::default()
    };
    let [back] = office.set(KEY, remove.clone()).await.try_into().unwrap();
    let setting = back.after.unwrap();
    assert_eq!(setting.limit.ceiling, Ceiling::At(20_000_000_000));
    assert!(setting.inherited_from.is_some());
    let said = office.plan(KEY, &remove).await.unwrap_err().to_string();
    assert_eq!(
        said,
        "budget/day of key 1 (test) is a default of team alpha: change it there, or give this one \
         its own, such as --budget unlimited/day for none"
    );
}

#[tokio::test]
async fn a_limit_of_a_model_that_is_gone_can_be_removed_and_not_set() {
    let mut office = office().await;
    let of_opus = |order: LimitOrder| LimitOrder {
        model: Some("claude-3-opus".to_owned()),
        ..order
    };
    office.set(ALPHA, of_opus(rpm("5"))).await;
    office
        .catalogue
        .models
        .retain(|model| model.name != "claude-3-opus");

    let error = office.plan(ALPHA, &of_opus(rpm("6"))).await.unwrap_err();
    assert!(matches!(error, ControlError::UnknownModels(_)));
    let remove = LimitOrder {
        remove: vec!["rpm".to_owned()],
        ..LimitOrder::default()
    };
    let [gone] = office.set(ALPHA, of_opus(remove)).await.try_into().unwrap();
    assert_eq!(gone.after, None);
}

#[tokio::test]
async fn what_was_done_before_the_store_failed_is_said_and_noted() {
    let office = office().await;
    let order = LimitOrder {
        models: Some(vec!["claude-3-opus".to_owned()]),
        expires: Some("2027-01-01".to_owned()),
        ..rpm("5")
    };
    let plan = office.plan(KEY, &order).await.unwrap();
    // The limits are set and read; the models are set; the expiry is not.
    let away = || StoreError::Unavailable("away".into());
    let gone = MemoryStore::default();
    gone.fail_next(away());
    let nowhere = Desk {
        limits: &gone,
        ..office.desk()
    };
    let nothing = limits::carry_out(nowhere, &plan, &mut |_| panic!("nothing was done")).await;
    assert!(matches!(
        nothing,
        Err(ControlError::Store(StoreError::Unavailable(_)))
    ));

    let failing_later = MemoryStore::default();
    let key = a_new_key(&a_key().0);
    failing_later.create_key(&key).await.unwrap();
    let other = Desk {
        limits: &failing_later,
        ..office.desk()
    };
    let mut noted = 0;
    let mut note = |done: Done<'_>| {
        noted += 1;
        if matches!(done, Done::Models(..)) {
            failing_later.fail_next(away());
        }
    };
    let done = limits::carry_out(other, &plan, &mut note).await;
    let error = done.unwrap_err();
    assert_eq!(noted, 2);
    assert!(
        error
            .to_string()
            .starts_with("changed the limits and the models, but not the rest: "),
        "{error}"
    );

    office.carry_out(&plan).await.unwrap();
    assert_eq!(
        *office.noted.lock().unwrap(),
        ["1 limits", "models", "expiry"]
    );
    let grant = LimitDirectory::grant(&office.store, KeyId(1)).await;
    let grant = grant.unwrap().unwrap();
    assert_eq!(grant.models, only(&["claude-3-opus"]));
    assert_eq!(grant.expires_at, Some(day("2027-01-01")));
}

#[tokio::test]
async fn a_plan_is_told_in_json() {
    let office = office().await;
    let order = LimitOrder {
        expires: Some("never".to_owned()),
        models: Some(vec!["all".to_owned()]),
        ..budget("20/week")
    };
    let plan = office.plan(KEY, &order).await.unwrap();
    let view = ChangeView::of(&plan, &plan.limits, true);
    let after = json!({
        "limit": "budget/week", "model": null, "each": null, "unit": "nanodollars",
        "ceiling": 20_000_000_000_i64, "raise": null, "overdraft": 0, "fit": "deny", "durability": null,
        "shadow": false, "warn_at": [], "inherited_from": null,
    });
    assert_eq!(
        serde_json::to_value(view).unwrap(),
        json!({
            "subject": {"kind": "key", "id": 1, "name": "test"},
            "dry_run": true,
            "changed": false,
            "limits": [{
                "limit": "budget/week", "model": null, "each": null, "before": null, "after": after,
            }],
            "models": {"before": null, "after": null},
            "expires_at": {"before": null, "after": null},
        })
    );
}

#[tokio::test]
async fn a_report_says_what_is_left_and_when_it_begins_anew() {
    let office = office().await;
    let order = LimitOrder {
        overdraft: Some("1".to_owned()),
        models: Some(vec![
            "claude-3-opus".to_owned(),
            "claude-sonnet-4-5".to_owned(),
        ]),
        ..budget("10/month")
    };
    office.set(ALPHA, order).await;
    let raise = LimitOrder {
        raise_until: Some("1d".to_owned()),
        ..budget("15/month")
    };
    office.set(ALPHA, raise).await;
    let of_key = LimitOrder {
        models: Some(vec![
            "claude-sonnet-4-5".to_owned(),
            "claude-3-5-haiku".to_owned(),
        ]),
        ..LimitOrder::default()
    };
    office.set(KEY, of_key).await;
    let team = office
        .plan(ALPHA, &rpm("1"))
        .await
        .unwrap()
        .family
        .own
        .subject;
    let id = office.limits(team).await[0].limit.id;
    office.store.set_standing(id, 4_000_000_000, 500_000_000);

    let report = standings::show(office.desk(), KEY).await.unwrap();

    assert_eq!(report.models, only(&["claude-sonnet-4-5"]));
    let view = serde_json::to_value(ReportView::from(&report)).unwrap();
    assert_eq!(view["models"], json!(["claude-sonnet-4-5"]));
    let limit = &view["above"][1]["limits"][0];
    assert_eq!(limit["ceiling"], 10_000_000_000_i64);
    assert_eq!(limit["present_ceiling"], 15_000_000_000_i64);
    assert_eq!(limit["used"], 4_000_000_000_i64);
    assert_eq!(limit["leased"], 500_000_000);
    assert_eq!(
        limit["left"], 11_500_000_000_i64,
        "the overdraft is a part of it"
    );
    assert_eq!(limit["resets_at"], "2026-12-01T00:00:00Z");
    assert_eq!(limit["raise"]["until"], "2026-11-25T12:00:00Z");
    assert_eq!(view["at"], "2026-11-24T12:00:00Z");
}

/// A request of 1,000 tokens to and 2,000 from claude-3-opus, which is $0.165, of which the input
/// and 256 tokens are $0.0342, against one limit of the key that stands like that.
#[track_caller]
fn check(order: LimitOrder, (used, leased): (i64, i64), verdict: Verdict, why: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let got = runtime.block_on(async {
        let office = office().await;
        office.set(KEY, order).await;
        let id = office.limits(Subject::Key(KeyId(1))).await[0].limit.id;
        office.store.set_standing(id, used, leased);
        office.explain("claude-3-opus", (1_000, 2_000)).await
    });
    let last = got.checks.last().unwrap();
    assert_eq!((last.verdict, last.why.as_str()), (verdict, why));
    let enforced = !last.is_shadow();
    assert_eq!(
        got.verdict == verdict,
        enforced || verdict == Verdict::Admitted
    );
}

#[test]
#[rustfmt::skip]
fn a_limit_says_whether_the_request_fits() {
    use Verdict::{Admitted, Depends, Refused};
    let clamp = |order| LimitOrder { fit: Some(Fit::Clamp), ..order };
    let shadow = |order| LimitOrder { shadow: Some(true), ..order };
    let overdraft = |order| LimitOrder { overdraft: Some("0.1".to_owned()), ..order };
    let tpm = |n: &str| LimitOrder { tpm: Some(n.to_owned()), ..LimitOrder::default() };
    let parallel = |n: &str| LimitOrder { parallel: Some(n.to_owned()), ..LimitOrder::default() };
    const CENT: i64 = 10_000_000;
    let anew = "it begins anew at 2026-12-01 00:00 GMT";
    let never_fits = "a request of this size never fits";
    let idle = "on how much of what is leased lies idle";
    //    limit                                used, leased          verdict   why
    check(budget("unlimited/month"),           (99 * CENT, 0),       Admitted, "");
    check(budget("0.165/month"),               (0, 0),               Admitted, "");
    check(budget("0.165/month"),               (1, 0),               Refused,  anew);
    check(budget("0.165/lifetime"),            (1, 0),               Refused,  "it never begins anew");
    check(budget("0.164999999/month"),         (0, 0),               Refused,  never_fits);
    check(budget("0/month"),                   (0, 0),               Refused,  "nothing is allowed");
    check(budget("1/month"),                   (0, 90 * CENT),       Depends,  idle);
    check(budget("1/month"),                   (84 * CENT, CENT),    Refused,  anew);
    check(overdraft(budget("0.1/month")),      (3 * CENT, 0),        Admitted, "");
    check(overdraft(budget("0.1/month")),      (4 * CENT, 0),        Refused,  anew);
    check(clamp(budget("1/month")),            (90 * CENT, 0),       Admitted, "cut to 1133 tokens of output");
    check(clamp(budget("1/month")),            (96 * CENT, 0),       Admitted, "cut to 333 tokens of output");
    check(clamp(budget("1/month")),            (97 * CENT, 0),       Refused,  anew);
    check(clamp(budget("1/month")),            (90 * CENT, 7 * CENT), Depends, idle);
    check(shadow(budget("0.1/month")),         (0, 0),               Refused,  never_fits);
    check(rpm("1"),                            (0, 0),               Admitted, "");
    check(rpm("1"),                            (1, 0),               Refused,  "it frees within a minute");
    check(tpm("3000"),                         (0, 0),               Admitted, "");
    check(tpm("3000"),                         (1, 0),               Depends,  "on how long the key's answers usually are");
    check(tpm("3000"),                         (1745, 0),            Refused,  "it frees within a minute");
    check(tpm("1255"),                         (0, 0),               Refused,  never_fits);
    check(parallel("2"),                       (0, 1),               Admitted, "");
    check(parallel("2"),                       (0, 2),               Depends,  "on whether gateways hold permits that they do not use");
}

#[tokio::test]
async fn the_key_and_the_model_are_looked_at_before_the_limits() {
    let office = office().await;
    office.set(ALPHA, rpm("0")).await;
    let order = LimitOrder {
        models: Some(vec!["claude-sonnet-4-5".to_owned()]),
        ..rpm("9")
    };
    office.set(Who::Organisation, order).await;
    let of_sonnet = LimitOrder {
        model: Some("claude-sonnet-4-5".to_owned()),
        ..rpm("1")
    };
    office.set(KEY, of_sonnet).await;
    office.store.revoke_key(KeyId(1), false).await.unwrap();

    let explanation = office.explain("claude-3-opus", (10, 10)).await;

    let view = serde_json::to_value(ExplanationView::from(&explanation)).unwrap();
    let checks = view["checks"].as_array().unwrap();
    let said: Vec<_> = checks
        .iter()
        .map(|c| [&c["check"], &c["subject"]["kind"], &c["verdict"], &c["why"]])
        .map(|said| said.map(|v| v.as_str().unwrap_or("-").to_owned()))
        .collect();
    assert_eq!(
        said,
        [
            ["key", "-", "refused", "revoked at 2026-11-24T12:00:00Z"],
            [
                "model",
                "-",
                "refused",
                "the organisation may only call claude-sonnet-4-5"
            ],
            ["limit", "team", "refused", "nothing is allowed"],
            ["limit", "organisation", "admitted", "-"],
        ]
        .map(|said| said.map(str::to_owned)),
        "a limit of another model is none of this request"
    );
    assert_eq!(view["verdict"], "refused");
    assert_eq!(
        view["request"]["worst_case_nanodollars"],
        10 * 15_000 + 10 * 75_000
    );
}

#[tokio::test]
async fn a_model_that_the_gateways_do_not_reach_has_no_price() {
    let mut office = office().await;
    let mut models = office.catalogue.models.iter_mut();
    let far = models
        .find(|model| model.name == "claude-opus-4-8")
        .unwrap();
    far.routes
        .retain(|residency, _| *residency == Residency::Global);
    let explanation = office.explain("claude-opus-4-8", (10, 10)).await;
    assert_eq!(explanation.verdict, Verdict::Refused);
    assert_eq!(explanation.request, None);
    let why = &explanation.checks[1].why;
    assert!(
        why.starts_with("it can only be called with the residency "),
        "{why}"
    );
}

#[tokio::test]
async fn what_a_request_costs_at_most_has_its_input_written_to_the_cache_where_that_is_kept() {
    let office = office().await;
    let worst = async |input| {
        let explanation = office.explain("claude-sonnet-4-5", (input, 100)).await;
        explanation.request.unwrap().worst.0
    };
    let entry = office
        .catalogue
        .models
        .iter()
        .find(|m| m.name == "claude-sonnet-4-5")
        .unwrap();
    let prices = entry.routes.values().next().unwrap().prices.base;
    let shortest = u64::from(entry.abilities.cache.unwrap().min_tokens);
    let cost = |input: i64, price: i64| (input * price + 100 * prices.output.0 + 999) / 1_000;
    let input = i64::try_from(shortest).unwrap();
    assert_eq!(worst(shortest - 1).await, cost(input - 1, prices.input.0));
    assert_eq!(worst(shortest).await, cost(input, prices.cache_write_5m.0));
}
