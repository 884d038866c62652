// Hidden triggers that fill dropdowns.
const hidden = (key, noun, perform) => ({
  key,
  noun,
  display: { label: noun, description: `Fills a dropdown: ${noun}.`, hidden: true },
  operation: { perform },
});

const data = async (z, bundle, path) =>
  (await z.request({ url: `${bundle.authData.url}/api/v1/${path}` })).data.data;

module.exports = {
  list: hidden('list', 'List', (z, bundle) => data(z, bundle, 'lists')),
  field: hidden('field', 'Field', (z, bundle) => data(z, bundle, `lists/${bundle.inputData.list_id}/fields`)),
  status: hidden('status', 'Status', async (z, bundle) => {
    const fields = await data(z, bundle, `lists/${bundle.inputData.list_id}/fields`);
    return fields.find((field) => field.name === 'status')?.options ?? [];
  }),
};
