//! Classes of accuracy at their edges, and the median that they prove.

use super::footfall::{ACCURACY_CLASSES, ACCURACY_STEPS_M, Footfall};

fn of(accuracies_m: &[u16]) -> Footfall {
    let mut footfall = Footfall::default();
    accuracies_m.iter().for_each(|accuracy_m| footfall.note_accuracy(*accuracy_m));
    footfall
}

#[test]
fn a_step_belongs_to_the_class_below_it() {
    for (class, step) in ACCURACY_STEPS_M.into_iter().enumerate() {
        assert_eq!(of(&[step]).accuracy[class], 1, "{step} m");
        assert_eq!(of(&[step + 1]).accuracy[class + 1], 1, "{} m", step + 1);
    }
    assert_eq!(of(&[u16::MAX]).accuracy[ACCURACY_CLASSES - 1], 1);
    assert_eq!(of(&[0]).accuracy[0], 1);
}

#[test]
fn half_of_the_fixes_are_coarser_than_what_is_told() {
    let cases: [(&[u16], Option<u16>); 8] = [
        (&[], None),
        (&[5], None),
        (&[6], Some(5)),
        (&[4, 6], Some(5)),
        (&[4, 5, 6], None),
        (&[80, 80, 4], Some(75)),
        (&[100, 101], Some(100)),
        (&[u16::MAX], Some(500)),
    ];
    for (accuracies_m, told) in cases {
        assert_eq!(of(accuracies_m).coarser_than_m(50), told, "{accuracies_m:?}");
    }
    let spread: Vec<u16> = (1..=200).collect();
    assert_eq!(of(&spread).coarser_than_m(50), Some(100));
    assert_eq!(of(&spread).coarser_than_m(10), Some(150));
}

#[test]
fn counts_stay_at_their_greatest() {
    let mut sum = Footfall { enters: u32::MAX, ..of(&[10]) };
    sum.add(&Footfall { enters: 2, exits: 3, returns: 1, too_coarse: 4, ..of(&[10, 20]) });
    assert_eq!((sum.enters, sum.exits, sum.returns, sum.too_coarse), (u32::MAX, 3, 1, 4));
    assert_eq!(sum.fixes(), 3);
}
