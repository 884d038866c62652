// A Zapier integration for a Relay: triggers by REST hooks, actions by /api/v1.
const { version: platformVersion } = require('zapier-platform-core');
const { version } = require('./package.json');
const { authentication, addCredentials, tellErrors } = require('./lib/authentication');
const creates = require('./lib/actions');
const dropdowns = require('./lib/dropdowns');
const triggers = require('./lib/triggers');

module.exports = {
  version,
  platformVersion,
  authentication,
  beforeRequest: [addCredentials],
  afterResponse: [tellErrors],
  triggers: { ...triggers, ...dropdowns },
  searches: require('./lib/searches'),
  creates,
};
