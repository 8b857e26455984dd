use super::*;
use crate::ask::scenario::{Operation, Plan};

/// Red is what this says, and as often.
struct Rule<F> {
    red: F,
    runs: usize,
    most: usize,
    /// The lab breaks in the last of each so many runs.
    breaks: Option<usize>,
}

impl<F: FnMut(&Scenario, usize) -> bool> Oracle for Rule<F> {
    async fn try_each(&mut self, candidates: &[Scenario]) -> Vec<Option<bool>> {
        let each = candidates.iter().map(|candidate| {
            self.runs += 1;
            let breaks = self.breaks.is_some_and(|of| self.runs.is_multiple_of(of));
            (!breaks).then(|| (self.red)(candidate, self.runs))
        });
        each.collect()
    }

    fn at_once(&self) -> usize {
        4
    }

    fn has_time(&self) -> bool {
        self.runs < self.most
    }

    fn told(&self, _: &str) {}
}

fn rule<F: FnMut(&Scenario, usize) -> bool>(red: F) -> Rule<F> {
    Rule {
        red,
        runs: 0,
        most: 1_000,
        breaks: None,
    }
}

fn story() -> Scenario {
    let text = "story = 'told'\nsystem = { relays = 2 }\nworkload = { keys = 4, writes = '80 planned' }\n\
        [[fault]]\nedge = 'relay -> rabbitmq'\ndo = 'cut'\nat = '500ms'\nfor = '1600ms'\n\
        [[fault]]\nprocess = 'relay'\ndo = 'kill'\nat = '700ms'\nfor = '800ms'\n\
        [[fault]]\nedge = 'api -> postgres'\ndo = 'latency 20ms'\nat = '0ms'\n";
    let mut scenario: Scenario = toml::from_str(text).expect("a story");
    let operation = |at: u16| Operation::at(u64::from(at) * 50, at % 4, u32::from(at / 4) + 1);
    scenario.plan = Some(Plan {
        operations: (0..80).map(operation).collect(),
        own: None,
    });
    scenario
}

fn does(scenario: &Scenario, action: &str) -> bool {
    scenario.faults.iter().any(|fault| fault.action == action)
}

#[tokio::test]
async fn what_is_left_is_what_it_takes() {
    let mut oracle = rule(|one: &Scenario, _| does(one, "kill") && operations(one) >= 2);
    let mut course = Course::from(story(), true, &mut oracle);
    assert!(course.measure().await);
    course.shrink(&BTreeSet::new()).await;
    let best = course.best.clone();
    assert_eq!((best.faults.len(), operations(&best)), (1, 2));
    assert_eq!((best.system.relays, best.workload.keys), (1, 1));
    assert_eq!(best.faults[0].lasts.as_deref(), Some("50ms"));
    assert!(suite::sound(&best).is_ok());
    assert_eq!(course.outcome(5).await, Seen { times: 5, of: 5 });
    assert!(oracle.runs <= 50, "{} runs", oracle.runs);
}

#[tokio::test]
async fn what_shows_itself_without_a_fault_has_none() {
    let mut oracle = rule(|one: &Scenario, _| operations(one) >= 1);
    let mut course = Course::from(story(), true, &mut oracle);
    assert!(course.measure().await);
    course.shrink(&BTreeSet::new()).await;
    assert_eq!((course.best.faults.len(), operations(&course.best)), (0, 1));
    assert!(course.best.bites.contains_key("accepted"));
}

#[tokio::test]
async fn what_is_red_too_seldom_is_not_shrunk() {
    let mut oracle = rule(|_: &Scenario, run| run == 7);
    let mut course = Course::from(story(), true, &mut oracle);
    assert!(!course.measure().await);
    assert_eq!(course.original, Seen { times: 1, of: 10 });
}

#[tokio::test]
async fn a_way_on_which_it_grows_rare_is_gone_back() {
    // With few operations it is red one time in seven, which does for a first try and not for a second.
    let mut oracle = rule(|one: &Scenario, run| match operations(one) {
        20.. => true,
        _ => run % 7 == 0,
    });
    let mut course = Course::from(story(), true, &mut oracle);
    assert!(course.measure().await);
    course.shrink(&BTreeSet::new()).await;
    let seen = course.outcome(7).await;
    assert_eq!(
        seen.times,
        seen.of,
        "{} operations",
        operations(&course.best)
    );
}

#[tokio::test]
async fn what_the_clock_shows_seldom_is_brought_by_operations() {
    let timed = |one: &Scenario| one.faults.iter().any(|fault| fault.at.is_some());
    let mut oracle =
        rule(move |one: &Scenario, run| does(one, "cut") && (!timed(one) || run % 2 == 0));
    let mut story = story();
    story.faults.truncate(1);
    let mut course = Course::from(story, true, &mut oracle);
    assert!(course.measure().await);
    assert_eq!(course.usual, Seen { times: 3, of: 3 });
    assert!(course.original.times < course.original.of, "as it came");
    assert!(course.best.faults[0].when.is_some());
}

#[tokio::test]
async fn out_of_time_there_is_what_was_reached() {
    let mut oracle = rule(|_: &Scenario, _| true);
    oracle.most = 5;
    let mut course = Course::from(story(), true, &mut oracle);
    assert!(course.measure().await);
    course.shrink(&BTreeSet::new()).await;
    assert!(course.best.faults.is_empty(), "faults come first");
    assert!(oracle.runs <= 12, "{} runs", oracle.runs);
}

#[tokio::test]
async fn a_fault_with_few_operations_is_less_than_none_with_many() {
    let mut oracle = rule(|one: &Scenario, _| match does(one, "latency 20ms") {
        true => operations(one) >= 3,
        false => operations(one) >= 60,
    });
    let mut course = Course::from(story(), true, &mut oracle);
    assert!(course.measure().await);
    course.shrink(&BTreeSet::new()).await;
    assert_eq!((course.best.faults.len(), operations(&course.best)), (1, 3));
}

#[tokio::test]
async fn a_run_in_which_the_lab_breaks_says_nothing_of_what_was_run() {
    let mut oracle = rule(|one: &Scenario, _| does(one, "kill") && operations(one) >= 2);
    oracle.breaks = Some(3);
    let mut course = Course::from(story(), true, &mut oracle);
    assert!(course.measure().await, "red whenever it could be run");
    assert_eq!(course.original.times, course.original.of);
    course.shrink(&BTreeSet::new()).await;
    assert_eq!((course.best.faults.len(), operations(&course.best)), (1, 2));
    let seen = course.outcome(6).await;
    assert_eq!(seen, Seen { times: 4, of: 4 });
}

#[tokio::test]
async fn a_lab_that_always_breaks_says_nothing_at_all() {
    let mut oracle = rule(|_: &Scenario, _| true);
    oracle.breaks = Some(1);
    let mut course = Course::from(story(), true, &mut oracle);
    assert!(!course.measure().await);
    assert!(!course.original.is_known());
}

#[tokio::test]
async fn what_was_not_run_to_its_end_is_not_remembered_as_green() {
    // Red half of the time, so that one green run says nothing yet: with none left, nobody knows.
    let mut oracle = rule(|_: &Scenario, run| run % 2 == 0);
    let mut course = Course::from(story(), true, &mut oracle);
    course.often = Seen { times: 5, of: 10 };
    course.oracle.most = 1;
    let less = with_faults(&story(), &[0]);
    assert_eq!(course.tried(std::slice::from_ref(&less)).await, [None]);
    assert!(course.known.is_empty());
    course.oracle.most = 9;
    assert_eq!(course.tried(&[less]).await, [Some(true)]);
}

#[tokio::test]
async fn whether_everything_was_tried_is_known_before_the_least_is_run_again() {
    let mut oracle = rule(|one: &Scenario, _| does(one, "kill"));
    let mut course = Course::from(story(), true, &mut oracle);
    assert!(course.measure().await);
    course.shrink(&BTreeSet::new()).await;
    course.oracle.most = 0;
    course.outcome(5).await;
    assert!(course.whole, "there was time for all of it");
}

#[tokio::test]
async fn what_is_put_back_in_the_end_leaves_less_untried() {
    let mut oracle = rule(|_: &Scenario, _| true);
    let mut course = Course::from(story(), true, &mut oracle);
    assert!(course.measure().await);
    course.shrink(&BTreeSet::new()).await;
    assert!(course.whole && course.trail.len() > 1);
    let least = course.best.clone();
    // What has come of it is red no more.
    let mut gone = rule(move |one: &Scenario, _| *one != least);
    let (best, trail, usual) = (course.best, course.trail, course.usual);
    let mut course = Course {
        whole: true,
        trail,
        usual,
        ..Course::from(best, true, &mut gone)
    };
    course.outcome(3).await;
    assert!(!course.whole);
}

#[tokio::test]
async fn one_that_is_red_by_chance_leaves_the_others_to_be_tried() {
    // The first candidate is red once, and then no more; the last one is each time.
    let last = with_faults(&story(), &[2]);
    let told = last.clone();
    let mut oracle = rule(move |one: &Scenario, run| *one == told || run == 1);
    let mut course = Course::from(story(), true, &mut oracle);
    course.usual = Seen { times: 3, of: 3 };
    course.often = course.usual;
    course.careful = true;
    let candidates: Vec<Scenario> = (0..2)
        .map(|fault| with_faults(&story(), &[fault]))
        .chain((0..4).map(|operation| with_operations(&story(), &[operation])))
        .chain([last])
        .collect();
    let shown = course.believed(&candidates).await;
    assert_eq!(shown.first(), Some(&Some(false)), "it was doubted");
    assert_eq!(shown.last(), Some(&Some(true)));
    assert!(!course.missed);
    let first = written(&candidates[0]);
    assert_eq!(course.known.get(&first), Some(&false));
}
