import { connect } from '../../client/connect.ts';

const space = connect({ url: location.origin, space: decodeURIComponent(location.pathname.split('/')[2] ?? '') });
space.on('status', (status) => {
  document.body.dataset.status = status;
});
