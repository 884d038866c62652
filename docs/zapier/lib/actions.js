// Actions: the Zap changes something in Relay.
const LIST = { key: 'list_id', label: 'List', dynamic: 'list.id.title', required: true, altersDynamicFields: true };
const EMAIL = { key: 'email', label: 'Email', required: true };
const TYPES = { Numeric: 'number', Date: 'datetime', DateTime: 'datetime' };

// Every field of the chosen list, its options as choices.
const fieldsOfList = async (z, bundle) => {
  if (!bundle.inputData.list_id) return [];
  const url = `${bundle.authData.url}/api/v1/lists/${bundle.inputData.list_id}/fields`;
  const { data } = (await z.request({ url })).data;
  return data.filter((field) => field.is_editable).map((field) => ({
    key: `field__${field.name}`,
    label: field.label,
    list: field.is_multi,
    type: TYPES[field.type] ?? 'string',
    ...(field.options.length ? { choices: field.options.map((option) => option.label) } : {}),
  }));
};

const byEmail = async (z, bundle, fields, create) => {
  const response = await z.request({
    method: 'POST',
    url: `${bundle.authData.url}/api/v1/lists/${bundle.inputData.list_id}/items/by-email`,
    body: { email: bundle.inputData.email, fields, create },
  });
  return response.data;
};

const updateItem = {
  key: 'update_item',
  noun: 'List Item',
  display: {
    label: 'Find by Email and Update Item',
    description: 'Finds the person by email and updates their item on a list; makes both where they are not there.',
  },
  operation: {
    inputFields: [
      LIST,
      EMAIL,
      { key: 'create', label: 'Create if missing', type: 'boolean', default: 'true' },
      fieldsOfList,
    ],
    perform: (z, bundle) => {
      const given = Object.entries(bundle.inputData).filter(([key]) => key.startsWith('field__'));
      const fields = Object.fromEntries(given.map(([key, value]) => [key.slice('field__'.length), value]));
      return byEmail(z, bundle, fields, bundle.inputData.create !== false);
    },
    sample: { id: '6ac2f40c6ab2f1e5d4b09f11', name: 'Ann Lee' },
  },
};

const setStatus = {
  key: 'set_status',
  noun: 'Status',
  display: { label: 'Set a Status', description: 'Sets the status of the person\'s item on a list.' },
  operation: {
    inputFields: [
      LIST,
      EMAIL,
      { key: 'status', label: 'Status', dynamic: 'status.label.label', required: true },
    ],
    perform: (z, bundle) => byEmail(z, bundle, { status: bundle.inputData.status }, false),
    sample: { id: '6ac2f40c6ab2f1e5d4b09f11', name: 'Ann Lee' },
  },
};

const postToStream = {
  key: 'post_to_stream',
  noun: 'Stream Entry',
  display: { label: 'Post to the Stream', description: 'Posts an entry to the Account Stream about a person.' },
  operation: {
    inputFields: [
      EMAIL,
      { key: 'subject', label: 'Subject', required: true },
      { key: 'body', label: 'Text', type: 'text', required: true },
    ],
    perform: async (z, bundle) => {
      const { email, subject, body } = bundle.inputData;
      const response = await z.request({
        method: 'POST',
        url: `${bundle.authData.url}/api/v1/stream`,
        body: { email, subject, body },
      });
      return response.data;
    },
    sample: { id: 'posted', subject: 'Called' },
  },
};

module.exports = { update_item: updateItem, set_status: setStatus, post_to_stream: postToStream };
