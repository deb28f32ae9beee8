import { find } from './dom.ts';
import type { Session } from './session.ts';

/** Asks for a token in the dialog of the page, and keeps it. Settles when one was given. */
export function askForToken(session: Session, why: string): Promise<void> {
  const dialog = find('sign-in', HTMLDialogElement);
  const field = find('token', HTMLInputElement);
  find('sign-in-why', HTMLElement).textContent = why;
  field.value = '';
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    const onSubmit = (event: SubmitEvent): void => {
      event.preventDefault();
      const token = field.value.trim();
      if (token === '') return;
      dialog.removeEventListener('submit', onSubmit);
      session.token = token;
      field.value = '';
      dialog.close();
      resolve();
    };
    dialog.addEventListener('submit', onSubmit);
  });
}
