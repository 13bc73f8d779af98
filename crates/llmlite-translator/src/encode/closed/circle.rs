//! Definitions that contain themselves.

/// Whether any of the definitions comes back to itself, by taking away those that refer to none
/// that is left.
pub(super) fn is_there(refers: &[Vec<usize>]) -> bool {
    let mut referring: Vec<Vec<usize>> = vec![Vec::new(); refers.len()];
    let mut open: Vec<usize> = refers.iter().map(Vec::len).collect();
    for (from, targets) in refers.iter().enumerate() {
        for to in targets {
            if let Some(referring) = referring.get_mut(*to) {
                referring.push(from);
            }
        }
    }
    let ended = |open: &[usize]| -> Vec<usize> {
        let ended = open.iter().enumerate().filter(|(_, left)| **left == 0);
        ended.map(|(definition, _)| definition).collect()
    };
    let mut next = ended(&open);
    let mut left = refers.len();
    while let Some(definition) = next.pop() {
        left -= 1;
        for from in referring.get(definition).into_iter().flatten() {
            if let Some(count) = open.get_mut(*from) {
                *count -= 1;
                if *count == 0 {
                    next.push(*from);
                }
            }
        }
    }
    left > 0
}
