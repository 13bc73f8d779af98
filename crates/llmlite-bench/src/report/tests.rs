use super::*;

#[test]
fn the_median_is_the_middle_or_the_mean_of_the_middle_two() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[3.0]), Some(3.0));
    assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
}

#[test]
fn a_ratio_compares_figures_of_the_same_round() {
    let mut board = Board::default();
    for (gateway, sdk) in [(30.0, 20.0), (20.0, 10.0), (12.0, 10.0)] {
        board.add("cpu", Unit::Microseconds, Contestant::Gateway, gateway);
        board.add("cpu", Unit::Microseconds, Contestant::YardstickSdk, sdk);
    }
    assert_eq!(board.row("cpu").unwrap().ratios(), [1.5, 2.0, 1.2]);
}

#[test]
fn the_table_tells_median_spread_and_ratio() {
    let mut board = Board::default();
    for figure in [110.0, 90.0, 100.0] {
        board.add("cpu", Unit::Microseconds, Contestant::Gateway, figure);
    }
    board.add("cpu", Unit::Microseconds, Contestant::YardstickSdk, 80.0);
    let mut text = Vec::new();
    board.write(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let row = text.lines().nth(1).unwrap();
    let cells: Vec<_> = row
        .split("  ")
        .map(str::trim)
        .filter(|c| !c.is_empty())
        .collect();
    assert_eq!(cells, ["cpu, µs", "-", "80.0", "100 [90.0 - 110]", "1.38"]);
}

#[test]
#[rustfmt::skip]
fn a_goal_is_held_at_its_limit_and_missed_above_it_or_unmeasured() {
    let line = |figure| Goal { name: "ratio at most 1.3".to_owned(), figure, limit: 1.3 }.line();
    assert_eq!(line(Some(1.3)),  "goal: ratio at most 1.3: 1.30: held");
    assert_eq!(line(Some(1.42)), "goal: ratio at most 1.3: 1.42: missed");
    assert_eq!(line(None),       "goal: ratio at most 1.3: not measured: missed");
}
