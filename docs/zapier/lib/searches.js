// Searches: the Zap finds something in Relay.
const findContact = {
  key: 'find_contact',
  noun: 'Contact',
  display: { label: 'Find Contact by Email', description: 'Finds a contact by an address of theirs.' },
  operation: {
    inputFields: [{ key: 'email', label: 'Email', required: true }],
    perform: async (z, bundle) => {
      const response = await z.request({
        url: `${bundle.authData.url}/api/v1/contacts`,
        params: { email: bundle.inputData.email },
      });
      return response.data.data;
    },
    sample: { id: '6ac2f40b0a1b2c3d4e5f6071', email: 'ann@northwind.example', name: 'Ann Lee' },
  },
};

module.exports = { find_contact: findContact };
