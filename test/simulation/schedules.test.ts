import assert from 'node:assert/strict';
import { EngineWorld } from '../support/engine-fixture.ts';
import { importMutated } from './mutant-loader.ts';
import { MUTANTS, mutantNamed } from './mutants.ts';
import type { MakeWorld, Schedule } from './schedules.ts';
import { openedAmidClosing, writerAmidClosing, writtenAfterClosing, zombieTombstone } from './schedules-close.ts';
import { grabberDied, grantedAtOnce, leftAfterLosing, releasedFence, renewalAfterLapse } from './schedules-locks.ts';
import {
  asleepDuringPrune,
  closedAmidScan,
  ledgerLostToo,
  openOnly,
  otherEpoch,
  writtenAmidLook,
} from './schedules-reader.ts';
import {
  acceptedBetween,
  movedReservation,
  olderReservation,
  oneAtATime,
  refusedAtAMovedPlace,
  refusedElsewhere,
  repeatedRefusal,
  reservationEnds,
  reservedAtOnce,
  usedUp,
} from './schedules-reservations.ts';
import {
  chainsOfAllLengths,
  forgedNumber,
  repeatAfterRestore,
  repeatOfTheNewest,
  restoreAfterRefusal,
  restoreAfterRepeat,
  restoreIntoNewLife,
  restoreOverNewer,
  restoreTooLate,
  rolledBackAmidRestore,
  writtenAfterExpiry,
} from './schedules-restore.ts';
import {
  deltaOverRollback,
  flushAfterPrune,
  ledgerLostWithServer,
  loaderDiedAfterRollback,
  ownCopyFirst,
  repeatAfterLoad,
  rolledBackBeforeStored,
  sleptBeforeFilling,
  sleptBeforeRollback,
  storedAfterOutage,
} from './schedules-store.ts';
import { restoredAndLostAgain, storedBetweenLosses } from './schedules-texts.ts';
import {
  judgedFromMemory,
  lateThenRolledBack,
  lateTwin,
  loserOfACas,
  recreated,
  renewedLedger,
  twoOpeners,
} from './schedules-writer.ts';

const FIXTURE = 'test/support/engine-fixture.ts';

const scripted = new Set<string>();

/** Two tests: the engine as it is keeps the schedule, the one without the rule of the mutant fails it. */
function itNeeds(title: string, mutant: string, schedule: Schedule): void {
  scripted.add(mutant);
  it(title, () => schedule(worldsOf(EngineWorld)));
  it(`${title}: not without the rule of ${mutant}`, async () => {
    const fixture = (await importMutated(
      mutantNamed(mutant),
      FIXTURE,
    )) as typeof import('../support/engine-fixture.ts');
    assert.notEqual(fixture.EngineWorld, EngineWorld);
    await assert.rejects(schedule(worldsOf(fixture.EngineWorld)), assert.AssertionError);
  });
}

function worldsOf(World: typeof EngineWorld): MakeWorld {
  return (config, instances) => new World(config, instances);
}

describe('the schedules', function () {
  this.timeout(10_000);

  itNeeds(
    '[SI30] an update that came late and was rolled back is applied again, not only announced again',
    'blindRecommit',
    lateThenRolledBack,
  );
  itNeeds(
    '[SI31] a head from memory refuses nothing: a condition on what another instance wrote is met',
    'staleVerdict',
    judgedFromMemory,
  );
  itNeeds(
    '[SI32] a write without an answer that arrives between the turns of its update is not applied twice',
    'noFence',
    lateTwin,
  );
  itNeeds('[SI33] what lost its cas is never stored', 'phantom', loserOfACas);
  itNeeds('[SI34] two instances open one closed item: nothing is rolled back', 'noAdopt', twoOpeners);
  itNeeds(
    '[SI35] an open item whose ledger shard was lost is in the ledger again when its coverage was renewed',
    'ledgerOnce',
    renewedLedger,
  );
  itNeeds(
    '[SI36] a loader that slept past its lease does not roll back a row that another instance has opened',
    'noLeaseCheck',
    sleptBeforeRollback,
  );
  itNeeds(
    '[SI37] a loader that slept past its lease does not put its old head over a living one',
    'fillWithoutLease',
    sleptBeforeFilling,
  );
  itNeeds('[SI38] a repeat soon after its item was loaded makes no new version', 'loadForgetsCover', repeatAfterLoad);
  itNeeds(
    '[SI39] a reader that holds a version which was rolled back gets no deltas from it',
    'rollbackKeepsTail',
    deltaOverRollback,
  );
  itNeeds(
    '[SI40] a row whose number is higher because it was rolled back proves nothing stored',
    'durableByVersion',
    rolledBackBeforeStored,
  );
  itNeeds(
    '[SI41] a store scan finds a rollback whose loader died before its head stood',
    'rollbackNoCover',
    loaderDiedAfterRollback,
  );
  itNeeds('[SI42] a flush that comes after the item was pruned brings nothing back', 'upsert', flushAfterPrune);
  itNeeds('[SI43] the instance that holds a newer copy of a lost head loads that copy', 'flushNeedsHead', ownCopyFirst);
  itNeeds(
    '[SI44] a writer that had entered itself in the ledger before it was cleared is in it afterwards',
    'clearNoTouch',
    writerAmidClosing,
  );
  itNeeds('[SI45] an item opened again while it was being closed stays in the ledger', 'clearById', openedAmidClosing);
  itNeeds(
    '[SI46] the first update after a close opens the row again, so that nothing acknowledged goes with the head',
    'closeRowOnly',
    writtenAfterClosing,
  );
  itNeeds(
    '[SI47] the head of a pruned tombstone whose pruner died is cleared away, and its ledger entries with it',
    'keepZombie',
    zombieTombstone,
  );
  itNeeds('[SI48] with index and ledger both lost, a reader misses no open item', 'ledgerTrustMissing', ledgerLostToo);
  itNeeds(
    '[SI49] with the index lost, a reader misses no item that is open and not yet stored',
    'scanNoLedger',
    openOnly,
  );
  itNeeds('[SI50] an item that is stored and closed while a scan reads is found by it', 'queryFirst', closedAmidScan);
  itNeeds(
    '[SI51] a reader that slept while a tombstone was pruned drops the dead item',
    'pruneFree',
    asleepDuringPrune,
  );
  itNeeds(
    '[SI52] a change made while a reader looks is found by that look or by the next',
    'floorAfterReads',
    writtenAmidLook,
  );
  itNeeds(
    '[SI53] what changed just before the cache was lost reaches a reader with a marker from before',
    'epochUnchecked',
    otherEpoch,
  );
  itNeeds(
    '[SI54] the deltas of an item that was deleted and created again begin at its creation',
    'deltaOverTomb',
    recreated,
  );

  itNeeds(
    '[SI60] chains of all lengths in any order bring each operation back once',
    'shorterChain',
    chainsOfAllLengths,
  );
  itNeeds('[SI61] a chain with a number that was never given out brings nothing back', 'aboveCeiling', forgedNumber);
  itNeeds('[SI62] a repeat of what others have restored is not applied again', 'restoredUnknown', repeatAfterRestore);
  itNeeds(
    '[SI63] what its sender has sent again before others restore it is there once',
    'sentAgainRestored',
    restoreAfterRepeat,
  );
  itNeeds(
    '[SI64] what was sent again and refused before others restore it is not there',
    'refusedRestored',
    restoreAfterRefusal,
  );
  itNeeds(
    '[SI65] restoring older operations of a client does not make its newest one forgotten',
    'memoryGoesBack',
    repeatOfTheNewest,
  );
  itNeeds(
    '[SI66] what a rollback took does not come back into an item that was deleted and created since',
    'restoredOverDelete',
    restoreIntoNewLife,
  );
  itNeeds('[SI67] a register written since its rollback is not restored', 'restoredOverNewer', restoreOverNewer);
  itNeeds(
    '[SI68] a second rollback in the middle of a restore leaves what the first one took to be restored',
    'markReplaced',
    rolledBackAmidRestore,
  );
  itNeeds('[SI69] after ten minutes nothing is restored', 'noExpiry', restoreTooLate);
  itNeeds('[SI70] the first write after that removes the mark from head and row', 'markForever', writtenAfterExpiry);

  itNeeds('[SI71] what the store refused is stored when it is back', 'noFlushRetry', storedAfterOutage);
  itNeeds(
    '[SI72] what a dead server left is stored though the ledger was lost with it',
    'ledgerOnly',
    ledgerLostWithServer,
  );

  itNeeds(
    '[SI75] what an earlier loss took of a text comes back beside what was stored between it and the last',
    'nothingBetween',
    storedBetweenLosses,
  );
  itNeeds(
    '[SI76] what went back into a text and was lost again comes back once, with what followed it',
    'otherNumbers',
    restoredAndLostAgain,
  );

  itNeeds(
    '[SI80] a renewal that comes when its lease has ended and another has begun changes nothing',
    'blindRenewal',
    renewalAfterLapse,
  );
  itNeeds('[SI81] a grab that died before the head keeps no writer out', 'anyLeaseIsAlive', grabberDied);
  itNeeds('[SI82] who was granted an item keeps others out at once', 'grantNotInHead', grantedAtOnce);
  itNeeds('[SI83] the fence rises when a lock ends', 'fenceKept', releasedFence);
  itNeeds(
    '[SI84] a client that lost its lock and then left frees nothing of the next holder',
    'freesAnyGrant',
    leftAfterLosing,
  );

  itNeeds(
    '[SI90] what is reserved in a text keeps others out at once, on any instance',
    'nothingInTheWay',
    reservedAtOnce,
  );
  itNeeds('[SI91] a reservation in a text goes with its place', 'placeStands', movedReservation);
  itNeeds(
    '[SI92] a reservation in a text ends with its lease, though the head still tells of it',
    'leaseUnasked',
    reservationEnds,
  );
  itNeeds(
    '[SI93] a lease keeps alive the reservation that it was made for, and no older one',
    'anyLeaseOfTheWriter',
    olderReservation,
  );
  itNeeds('[SI94] a reservation in a text is used up by the next edit of its holder', 'holderKeepsOn', usedUp);
  itNeeds('[SI95] refusals at different places of a text reserve nothing', 'refusedAnywhere', refusedElsewhere);
  itNeeds('[SI96] refusals at one place count together though it has moved', 'rowStands', refusedAtAMovedPlace);
  itNeeds(
    '[SI97] refusals before and after an accepted edit of the writer reserve nothing together',
    'rowGoesOn',
    acceptedBetween,
  );
  itNeeds('[SI98] a text has one reservation at a time', 'twoAtOnce', oneAtATime);
  itNeeds('[SI99] a refusal that is answered again counts once', 'countedTwice', repeatedRefusal);

  it('[SI55] exist for every rule that no seed is known to break', () => {
    const unnoticed = MUTANTS.filter(({ name, found }) => !found && !scripted.has(name));
    assert.deepEqual(unnoticed, []);
  });
});
