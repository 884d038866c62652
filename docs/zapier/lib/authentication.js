// The address of the Relay, and an API key with the scopes hooks, crm:read and crm:write.
const authentication = {
  type: 'custom',
  fields: [
    { key: 'url', label: 'Address of your Relay', required: true, helpText: 'Such as https://relay.example.com' },
    { key: 'key', label: 'API key', required: true },
    { key: 'secret', label: 'Secret', type: 'password', required: true },
  ],
  test: { url: '{{bundle.authData.url}}/api/v1/me' },
  connectionLabel: '{{organization__name}}: {{name}}',
};

const addCredentials = (request, z, bundle) => {
  const { key, secret } = bundle.authData;
  request.headers.Authorization = `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`;
  return request;
};

// Relay's errors are sentences for people: the Zap's owner reads them as they are. 429 stays with
// the platform, which waits as long as Retry-After says.
const tellErrors = (response, z) => {
  if (response.status >= 400 && response.status !== 429 && !response.request.skipThrowForStatus) {
    throw new z.errors.Error(response.data?.message ?? `Relay answered ${response.status}`, 'RelayError', response.status);
  }
  return response;
};

module.exports = { authentication, addCredentials, tellErrors };
