import assert from 'node:assert/strict';
import { BEGIN, type Event, maySend, mayWait, type State, statusOf, step } from '../../src/client/machine.ts';

function stateAfter(...events: Event[]): State {
  return events.reduce(step, BEGIN);
}

describe('the state of a connection', () => {
  it('[SDK21] is live only after an answer that was up to date, and offline after one that did not come', () => {
    assert.equal(statusOf(BEGIN), 'catching-up');
    assert.equal(statusOf(stateAfter('joined', 'page')), 'catching-up');
    assert.equal(statusOf(stateAfter('joined', 'page', 'upToDate')), 'live');
    assert.equal(statusOf(stateAfter('upToDate', 'readFailed')), 'offline');
    assert.equal(statusOf(stateAfter('upToDate', 'readFailed', 'upToDate')), 'live');
    assert.equal(statusOf(stateAfter('upToDate', 'reset')), 'catching-up');
    assert.equal(statusOf(stateAfter('upToDate', 'leftOut')), 'catching-up');
    assert.equal(statusOf(stateAfter('upToDate', 'sendFailed')), 'not-saved');
    assert.equal(statusOf(stateAfter('upToDate', 'sendFailed', 'upToDate')), 'not-saved');
    assert.equal(statusOf(stateAfter('upToDate', 'sendFailed', 'upToDate', 'sent')), 'live');
    assert.equal(statusOf(stateAfter('upToDate', 'closed', 'upToDate')), 'offline');
  });

  it('[SDK22] nothing is sent, and no poll is parked, unless all is known to be as it was', () => {
    assert(maySend(stateAfter('upToDate')) && mayWait(stateAfter('upToDate')));
    const unsure: Event[][] = [
      [],
      ['joined'],
      ['upToDate', 'page'],
      ['upToDate', 'reset'],
      ['upToDate', 'readFailed'],
      ['upToDate', 'sendFailed'],
      ['upToDate', 'leftOut'],
      ['upToDate', 'closed'],
    ];
    for (const events of unsure)
      assert(!maySend(stateAfter(...events)) && !mayWait(stateAfter(...events)), `${events}`);
    assert(maySend(stateAfter('upToDate', 'sendFailed', 'upToDate')));
  });
});
