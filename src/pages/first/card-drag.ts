import type { Point } from './places.ts';

/** Tells where the corner of the card is on the board while the pointer that went down moves it, and where it is let go. */
export function followDrag(
  down: PointerEvent,
  card: HTMLElement,
  board: HTMLElement,
  tell: (to: Point, last: boolean) => void,
): void {
  const [plane, inside] = [board.getBoundingClientRect(), card.getBoundingClientRect()];
  // Cards are placed inside the border.
  const [left, top] = [plane.left + board.clientLeft, plane.top + board.clientTop];
  const [dx, dy] = [down.clientX - inside.left + left, down.clientY - inside.top + top];
  let at: Point = { x: down.clientX - dx, y: down.clientY - dy };
  const ending = new AbortController();
  const { signal } = ending;
  const move = ({ clientX, clientY }: PointerEvent): void => {
    at = { x: clientX - dx, y: clientY - dy };
  };
  const end = (): void => {
    ending.abort();
    card.classList.remove('held');
    tell(at, true);
  };
  card.classList.add('held');
  card.setPointerCapture(down.pointerId);
  card.addEventListener(
    'pointermove',
    (event) => {
      move(event);
      tell(at, false);
    },
    { signal },
  );
  card.addEventListener(
    'pointerup',
    (event) => {
      move(event);
      end();
    },
    { signal },
  );
  // Such an event says nothing of where the pointer is.
  card.addEventListener('pointercancel', end, { signal });
}
