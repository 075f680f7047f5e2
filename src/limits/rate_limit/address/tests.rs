use chrono::DateTime;

use super::*;

fn budget(quota: u32) -> (AddressBudget, Clock) {
    let clock = Clock::manual(DateTime::UNIX_EPOCH);
    (AddressBudget::new(NonZeroU32::new(quota).unwrap(), &clock), clock)
}

fn reserve<'a>(budget: &'a AddressBudget, client: &str) -> Result<Reservation<'a>, u64> {
    budget.reserve(client.parse().unwrap(), Share::Whole).map_err(|limited| limited.wait)
}

/// Counts one refused credential.
fn refused(budget: &AddressBudget, client: &str) -> Result<(), u64> {
    reserve(budget, client).map(Reservation::charge)
}

#[test]
fn budget_is_spent_at_once_and_refilled_evenly() {
    let (budget, clock) = budget(4);
    for _ in 0..4 {
        assert_eq!(refused(&budget, "192.0.2.7"), Ok(()));
    }
    assert_eq!(refused(&budget, "192.0.2.7"), Err(15));
    assert_eq!(refused(&budget, "192.0.2.8"), Ok(()), "another client has a separate budget");
    clock.advance(Duration::from_millis(14_999));
    assert_eq!(refused(&budget, "192.0.2.7"), Err(1), "rounded up to at least 1 s");
    clock.advance(Duration::from_millis(1));
    assert_eq!(refused(&budget, "192.0.2.7"), Ok(()));
    assert_eq!(refused(&budget, "192.0.2.7"), Err(15));
    clock.advance(Duration::from_secs(600));
    for _ in 0..4 {
        assert_eq!(refused(&budget, "192.0.2.7"), Ok(()), "the budget does not exceed its quota");
    }
    assert_eq!(refused(&budget, "192.0.2.7"), Err(15));
}

#[test]
fn attempts_in_flight_count_until_they_are_released() {
    let (budget, clock) = budget(3);
    let mut in_flight: Vec<_> = (0..3).map(|_| reserve(&budget, "192.0.2.7").unwrap()).collect();
    clock.advance(Duration::from_secs(600));
    assert!(reserve(&budget, "192.0.2.7").is_err(), "attempts in flight are not refilled");
    in_flight.pop().unwrap().release();
    assert_eq!(refused(&budget, "192.0.2.7"), Ok(()));
    assert!(reserve(&budget, "192.0.2.7").is_err());
    in_flight.clear();
    assert_eq!(refused(&budget, "192.0.2.7"), Err(20), "an abandoned attempt counts as refused");
    clock.advance(Duration::from_secs(60));
    for _ in 0..100 {
        reserve(&budget, "192.0.2.7").unwrap().release();
    }
    assert_eq!(refused(&budget, "192.0.2.7"), Ok(()), "an accepted credential does not count");
}

#[test]
fn half_share_leaves_the_other_half() {
    let (budget, _clock) = budget(4);
    let client = "192.0.2.7".parse().unwrap();
    for _ in 0..2 {
        budget.reserve(client, Share::Half).unwrap().charge();
    }
    assert_eq!(budget.reserve(client, Share::Half).err().map(|limited| limited.wait), Some(15));
    assert_eq!((refused(&budget, "192.0.2.7"), refused(&budget, "192.0.2.7")), (Ok(()), Ok(())));
    assert_eq!(refused(&budget, "192.0.2.7"), Err(15));
}

#[test]
fn overdrawn_and_refused_attempt_is_refilled_first() {
    let (budget, clock) = budget(2);
    let client = "192.0.2.7".parse().unwrap();
    assert_eq!((refused(&budget, "192.0.2.7"), refused(&budget, "192.0.2.7")), (Ok(()), Ok(())));
    budget.overdraw(client).release();
    assert_eq!(refused(&budget, "192.0.2.7"), Err(30), "an accepted credential does not count");
    budget.overdraw(client).charge();
    assert_eq!(refused(&budget, "192.0.2.7"), Err(60));
    clock.advance(Duration::from_secs(60));
    assert_eq!((refused(&budget, "192.0.2.7"), refused(&budget, "192.0.2.7")), (Ok(()), Err(30)));
}

#[test]
fn network_of_64_bits_is_one_client() {
    let (budget, _clock) = budget(1);
    assert_eq!(refused(&budget, "2001:db8:1:2::1"), Ok(()));
    assert_eq!(refused(&budget, "2001:db8:1:2:ffff::9"), Err(60));
    assert_eq!(refused(&budget, "2001:db8:1:3::1"), Ok(()));
}

#[test]
fn wider_networks_have_larger_budgets_that_limit_their_addresses() {
    let (budget, _clock) = budget(2);
    let spent = |prefix: &str| (0..1_000).filter(|n| refused(&budget, &format!("{prefix}:{n:x}::1")).is_ok()).count();
    assert_eq!(spent("2001:db8:1"), 16, "/48: eight times the quota");
    assert_eq!(spent("2001:db8:2"), 16);
    let of_others: usize = (3..20).map(|n| spent(&format!("2001:db8:{n:x}"))).sum();
    assert_eq!(of_others, 128 - 32, "/32: 64 times the quota, minus the attempts of the first two networks");
    assert_eq!(refused(&budget, "2001:db9::1"), Ok(()), "another /32");
    assert_eq!(refused(&budget, "192.0.2.7"), Ok(()));
}

/// An attempt that a wide network's budget refuses must not create an entry for the narrow network.
#[test]
fn owner_of_a_wide_network_evicts_no_other_budget() {
    let (budget, _clock) = budget(1);
    assert_eq!(refused(&budget, "192.0.2.7"), Ok(()));
    for number in 0..u32::try_from(CLIENTS).unwrap() * 3 {
        let [a, b, c, d] = number.to_be_bytes();
        let address = Ipv6Addr::from([0x20, 1, 0xd, 0xb8, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 1]);
        let _ = budget.reserve(address.into(), Share::Whole).map(Reservation::charge);
    }
    assert_eq!(refused(&budget, "192.0.2.7"), Err(60), "the budget is still kept");
    assert!(budget.levels[2].used.len() <= 1 + 64);
}

#[test]
fn number_of_kept_addresses_is_bounded() {
    let (budget, _clock) = budget(1);
    for number in 0..u32::try_from(CLIENTS).unwrap() * 2 {
        assert!(budget.reserve(number.to_be_bytes().into(), Share::Whole).is_ok());
    }
    assert!(budget.levels[2].used.len() <= CLIENTS);
}
