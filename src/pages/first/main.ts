import { FirstPage } from './first-page.ts';

const page = new FirstPage();
addEventListener('hashchange', () => page.open());
page.open();
