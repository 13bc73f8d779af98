//! What one call does.

use std::future::poll_fn;

use llmlite_core::{
    limits::Ceiling,
    money::Nanodollars,
    ports::quota::{QuotaFailure, QuotaStore},
    quota::{Announcement, BudgetAnswer, Call, PermitAnswer, PermitLine, RateLine},
};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

use crate::books::{Books, Life, State, account, ask, give};

#[tokio::test]
async fn a_call_takes_of_all_kinds_and_its_answer_tells_totals() {
    let books = Books::new().await;
    let budget = books.budget(Some(1_000)).await;
    let overdraft = "UPDATE limits SET overdraft = 50 WHERE id = $1";
    books.run(overdraft, &[&budget.0]).await;
    let (rate, permits) = (books.rate(Some(100)).await, books.permits(Some(10)).await);
    let (mut one, mut two) = (books.begin().await, books.begin().await);

    let call = Call {
        budgets: vec![ask(budget, 100)],
        rates: vec![RateLine {
            limit: rate,
            least: 1,
            ask: 5,
            want: 40,
            refunds: Vec::new(),
            extra: 3,
        }],
        permits: vec![PermitLine {
            limit: permits,
            hold: 8,
            busy: 0,
        }],
        ..one.call()
    };
    let answer = books.store.exchange(one.id, &call).await.unwrap();
    assert_eq!((answer.number, answer.live), (1, 2));
    let told = BudgetAnswer {
        account: account(budget),
        ceiling: Ceiling::At(1_000),
        overdraft: 50,
        settled: 0,
        others: 0,
        left: 950,
        granted: 100,
        drawn: 0,
    };
    assert_eq!(answer.budgets, [told]);
    let [rate] = &answer.rates[..] else {
        panic!("one rate")
    };
    // A quarter of the 97 that are left, because there are two instances.
    assert_eq!((rate.granted, rate.left), (24, 73));
    assert_eq!(rate.frees, Some(rate.slot + 31));
    let held = PermitAnswer {
        limit: permits,
        ceiling: Ceiling::At(10),
        held: 8,
        others: 0,
    };
    assert_eq!(answer.permits, [held]);

    let answer = two.take(&books.store, &[ask(budget, 30)]).await;
    assert_eq!(
        (answer.budgets[0].others, answer.budgets[0].left),
        (100, 920)
    );
    let answer = two.hold(&books.store, permits, 8).await;
    assert_eq!((answer.permits[0].held, answer.permits[0].others), (2, 8));
    let answer = one.take(&books.store, &[give(budget, 60)]).await;
    assert_eq!(
        (answer.budgets[0].granted, answer.budgets[0].left),
        (40, 980)
    );
    assert_eq!(books.state(account(budget)).await, State(0, 70, 70));
}

#[tokio::test]
async fn a_limit_that_is_gone_or_unlimited_limits_nothing() {
    let books = Books::new().await;
    let (gone, unlimited) = (books.budget(Some(1)).await, books.budget(None).await);
    let permits = books.permits(Some(1)).await;
    let delete = "DELETE FROM limits WHERE id = ANY($1)";
    books.run(delete, &[&vec![gone.0, permits.0]]).await;
    let mut life = books.begin().await;
    let lines = [ask(gone, 5_000), ask(unlimited, 5_000)];
    for line in life.take(&books.store, &lines).await.budgets {
        assert_eq!((line.ceiling, line.granted), (Ceiling::Unlimited, 5_000));
        assert!(line.left > i64::MAX / 8);
    }
    let answer = life.hold(&books.store, permits, 9).await;
    assert_eq!(
        (answer.permits[0].ceiling, answer.permits[0].held),
        (Ceiling::Unlimited, 9)
    );
}

#[tokio::test]
async fn the_highest_numbers_do_not_overflow() {
    let books = Books::new().await;
    let budget = books.budget(Some(i64::MAX)).await;
    let overdraft = "UPDATE limits SET overdraft = $2 WHERE id = $1";
    books.run(overdraft, &[&budget.0, &i64::MAX]).await;
    let mut life = books.begin().await;
    let answer = life.take(&books.store, &[ask(budget, i64::MAX / 4)]).await;
    assert_eq!(answer.budgets[0].granted, i64::MAX / 4);
    assert_eq!(answer.budgets[0].ceiling, Ceiling::At(i64::MAX));
}

#[tokio::test]
async fn a_raised_ceiling_holds_until_its_time() {
    let books = Books::new().await;
    let budget = books.budget(Some(10)).await;
    let raise = "UPDATE limits SET raise_to = 100, raise_until = now() + $2::text::interval
                  WHERE id = $1";
    let mut life = books.begin().await;
    for (until, granted) in [("-1 s", 0), ("1 h", 50)] {
        books.run(raise, &[&budget.0, &until]).await;
        let answer = life.take(&books.store, &[ask(budget, 50)]).await;
        assert_eq!(answer.budgets[0].granted, granted, "{until}");
    }
}

#[tokio::test]
async fn a_number_that_was_used_does_nothing_and_a_closed_life_is_fenced() {
    let books = Books::new().await;
    let budget = books.budget(Some(1_000)).await;
    let mut life = books.begin().await;
    life.calls = 6;
    let call = Call {
        budgets: vec![ask(budget, 10)],
        ..life.call()
    };
    books.store.exchange(life.id, &call).await.unwrap();
    let check = async |number, id, want: Option<QuotaFailure>| {
        let call = Call {
            number,
            ..call.clone()
        };
        let told = books.store.exchange(id, &call).await;
        assert_eq!(told.err(), want, "call {number}");
    };
    check(7, life.id, Some(QuotaFailure::Unknown)).await;
    check(3, life.id, Some(QuotaFailure::Unknown)).await;
    assert_eq!(books.state(account(budget)).await, State(0, 10, 10));
    check(9, life.id, None).await;
    books.run("SELECT close_instance($1)", &[&life.id.0]).await;
    check(10, life.id, Some(QuotaFailure::Fenced)).await;
    let nobody = llmlite_core::ids::InstanceId(999);
    check(1, nobody, Some(QuotaFailure::Fenced)).await;
    assert_eq!(books.state(account(budget)).await, State(0, 0, 0));
}

#[tokio::test]
async fn a_shortage_recalls_idle_money_for_three_seconds_and_says_so_once() {
    let books = Books::new().await;
    let budget = books.budget(Some(1_000)).await;
    let (mut rich, mut poor) = (books.begin().await, books.begin().await);
    let heard = Heard::listen(&books).await;

    let answer = rich.take(&books.store, &[ask(budget, 100)]).await;
    assert!(answer.recalled.is_empty());
    for _ in 0..3 {
        let answer = poor.take(&books.store, &[ask(budget, 950)]).await;
        assert_eq!(answer.budgets[0].granted, 0);
        // It has no lease to give back from.
        assert!(answer.recalled.is_empty());
    }
    let answer = rich.take(&books.store, &[]).await;
    assert_eq!(answer.recalled, [account(budget)]);
    let lasts =
        "SELECT (recall_until - clock_timestamp()) BETWEEN interval '1 s' AND interval '3 s'
                   FROM budget_accounts";
    let lasts: bool = books.sql.query_one(lasts, &[]).await.unwrap().get(0);
    assert!(lasts);

    // It is over: then the next shortage is news again.
    books
        .run("UPDATE budget_accounts SET recall_until = now()", &[])
        .await;
    assert!(rich.take(&books.store, &[]).await.recalled.is_empty());
    poor.take(&books.store, &[ask(budget, 950)]).await;
    let recall = format!("recall {} 1795478400", budget.0);
    assert_eq!(heard.until_now().await, [recall.clone(), recall]);
}

/// What was notified.
struct Heard {
    said: mpsc::UnboundedReceiver<String>,
    /// The connection lasts as long as this.
    client: Client,
}

impl Heard {
    async fn listen(books: &Books) -> Self {
        let (say, said) = mpsc::unbounded_channel();
        let config: Config = books.database.url().parse().unwrap();
        let (client, mut connection) = config.connect(NoTls).await.unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends with the client, or with the test's runtime"
        )]
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notification(n) = message {
                    say.send(n.payload().to_owned()).unwrap();
                }
            }
        });
        let listen = "LISTEN llmlite_changes";
        client.batch_execute(listen).await.unwrap();
        Self { said, client }
    }

    /// All up to a notification of its own.
    async fn until_now(mut self) -> Vec<String> {
        let now = "SELECT pg_notify('llmlite_changes', 'now')";
        self.client.execute(now, &[]).await.unwrap();
        let mut all = Vec::new();
        loop {
            match self.said.recv().await.unwrap() {
                said if said == "now" => return all,
                said => all.push(said),
            }
        }
    }
}

#[tokio::test]
async fn the_end_of_a_window_is_kept_once_somebody_tells_it() {
    let books = Books::new().await;
    let budget = books.budget(Some(1_000)).await;
    let mut life = books.begin().await;
    let mut line = ask(budget, 1);
    let ends = line.ends.take();
    let known = "SELECT count(ends) FROM budget_accounts";
    life.take(&books.store, &[line]).await;
    assert_eq!(books.number(known).await, 0);
    line.ends = ends;
    life.take(&books.store, &[line]).await;
    assert_eq!(books.number(known).await, 1);
}

#[tokio::test]
async fn a_threshold_is_announced_by_one_in_each_window() {
    let books = Books::new().await;
    let budget = books.budget(Some(1_000)).await;
    let announcement = Announcement {
        account: account(budget),
        threshold: 80.try_into().unwrap(),
        settled: Nanodollars(801),
        ceiling: Nanodollars(1_000),
    };
    let stores = [&books.store, &books.database.store().await];
    let (one, other) = tokio::join!(
        stores[0].announce(&announcement),
        stores[1].announce(&announcement)
    );
    assert!(one.unwrap() ^ other.unwrap());
    let check = async |announcement: Announcement| {
        assert!(books.store.announce(&announcement).await.unwrap());
        assert!(!books.store.announce(&announcement).await.unwrap());
    };
    let mut higher = announcement;
    higher.threshold = 95.try_into().unwrap();
    check(higher).await;
    let mut later = announcement;
    later.account.starts = crate::books::tomorrow();
    check(later).await;
}

#[tokio::test]
async fn an_instance_that_is_silent_for_half_a_minute_does_not_count() {
    let books = Books::new().await;
    let permits = books.permits(Some(10)).await;
    let (mut silent, mut other) = (books.begin().await, books.begin().await);
    silent.hold(&books.store, permits, 6).await;
    let told = async |other: &mut Life| {
        let answer = other.hold(&books.store, permits, 10).await;
        (answer.live, answer.permits[0].held)
    };
    let silence =
        "UPDATE gateway_instances SET heard_at = now() - $2::text::interval WHERE id = $1";
    books.run(silence, &[&silent.id.0, &"25 s"]).await;
    assert_eq!(told(&mut other).await, (2, 4));
    books.run(silence, &[&silent.id.0, &"31 s"]).await;
    assert_eq!(told(&mut other).await, (1, 10));
    // It is back, and has to do with what is left.
    let answer = silent.hold(&books.store, permits, 6).await;
    assert_eq!((answer.live, answer.permits[0].held), (2, 0));
}
